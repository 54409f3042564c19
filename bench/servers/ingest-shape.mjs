// What is recorded: log events whose JSON has 300 bytes, spread over as many operations as there are producers.
export const OPERATIONS = 20;
export const operationId = (n) => `bench-${n % OPERATIONS}`;
export const MESSAGE = 'x'.repeat(160);
/** The `data` of one event as text, as the log stores it. */
export const DATA = JSON.stringify({ level: 'info', message: MESSAGE });
