import { MemoryOperationStore } from './memory-operation-store.js';
import { describeOperationStore } from '../testing/operation-store.contract.js';

describeOperationStore({ name: 'memory', durable: false }, async () => ({
  open: async (retention) => new MemoryOperationStore(retention),
  cleanUp: async () => {},
}));
