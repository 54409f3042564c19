import { describeStreamStore } from '../testing/stream-store.contract.js';
import { MemoryStreamStore } from './memory-stream-store.js';

let store: MemoryStreamStore;

describeStreamStore('memory', {
  open: (limits) => (store = new MemoryStreamStore(limits)),
  reopen: () => store,
  dispose: () => {},
});
