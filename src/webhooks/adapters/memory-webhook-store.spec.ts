import { describeWebhookStore } from '../testing/webhook-store.contract.js';
import { MemoryWebhookStore } from './memory-webhook-store.js';

describeWebhookStore('memory', () => ({ open: () => new MemoryWebhookStore(), close: () => {} }));
