/** The door of http/. */
export { openDestination } from './destination.ts';
export type { Destination, Exchange, Limiter, Permit, PreparedRequest, SendOptions } from './http-client.ts';
