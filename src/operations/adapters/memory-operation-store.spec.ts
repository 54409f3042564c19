import { MemoryOperationStore } from './memory-operation-store.js';
import { describeOperationStore } from './operation-store.contract.js';

describeOperationStore('memory', async () => ({
  durable: false,
  open: async (retention) => new MemoryOperationStore(retention),
  cleanUp: async () => {},
}));
