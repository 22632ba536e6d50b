/** The PostgreSQL engine. */
import type { Engine } from '../engine.ts';
import { stateError } from '../errors.ts';

export async function openPostgres(_url: string): Promise<Engine> {
  throw stateError('STATE_FAILED', 'the PostgreSQL engine is not there yet');
}
