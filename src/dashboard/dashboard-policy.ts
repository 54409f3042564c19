/** A host name or address with an optional port, as in a Host header. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * The Content-Security-Policy of the dashboard: nothing but the service's own files, and the browser refuses to read
 * any text as HTML or script (Trusted Types).
 * @param host the Host header, which has passed the check of hosts: some browsers do not count WebSockets as 'self'
 */
export function dashboardPolicy(host: string | undefined): string {
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self'${sockets}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
