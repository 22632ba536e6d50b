/** The seam between those who need a secret and the one place that reads it. Types only. */
import type { Reference } from '../contracts/plan.ts';

/** Reads `{ env: NAME }` and `{ file: PATH }` references, each time anew: a rotated secret is seen at its next use. */
export interface SecretResolver {
  /** Throws UpriverError CONFIG_SECRET_MISSING, naming the reference, never the value. */
  resolve(reference: Reference): Promise<string>;
}
