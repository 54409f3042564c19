import { IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * `Expect: 100-continue`: the client sends its body once somebody wants to read it. A request refused by its headers
 * gets the refusal in place of 100, the only way in which a 413 is never lost (RFC 9110, section 10.1.1). Other
 * expectations are ignored, as the standard allows.
 */
export function answerExpectations(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    let told = false;
    request._read = function (size: number): void {
      if (!told && !response.headersSent) response.writeContinue();
      told = true;
      IncomingMessage.prototype._read.call(this, size);
    };
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}
