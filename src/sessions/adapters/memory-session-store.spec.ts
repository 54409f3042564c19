import { describeSessionStore } from '../testing/session-store.contract.js';
import { MemorySessionStore } from './memory-session-store.js';

describeSessionStore('Memory', async () => {
  let kept: MemorySessionStore | undefined;
  return {
    // The tests open it anew for other limits, with what is stored.
    open: async (retention) => {
      const store = new MemorySessionStore(retention);
      if (kept) Object.assign(store, { tenants: kept['tenants'] });
      return (kept = store);
    },
    cleanUp: () => Promise.resolve(),
  };
});
