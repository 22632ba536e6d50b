/** Who may do what: tokens and their scopes. */
import { ALL_SCOPES } from './schema.ts';

/** A token and what it may do. */
export interface Account {
  readonly token: string;
  readonly scopes: ReadonlySet<string>;
}

export class Accounts {
  readonly #byHeader = new Map<string, Account>();
  readonly #isOpen: boolean;

  /** `tokens` with their scopes; without, any token is valid and may do everything. */
  constructor(tokens?: Readonly<Record<string, readonly string[]>>) {
    this.#isOpen = tokens === undefined;
    for (const [token, scopes] of Object.entries(tokens ?? {})) {
      this.#byHeader.set(`Bearer ${token}`, { token, scopes: new Set(scopes) });
    }
  }

  /** Who sent this Authorization header; null if nobody known. */
  identify(authorization: string | undefined): Account | null {
    if (!authorization) return null;
    const known = this.#byHeader.get(authorization);
    if (known || !this.#isOpen || !authorization.startsWith('Bearer ')) return known ?? null;
    const account = { token: authorization.slice('Bearer '.length), scopes: new Set(ALL_SCOPES) };
    this.#byHeader.set(authorization, account);
    return account;
  }
}
