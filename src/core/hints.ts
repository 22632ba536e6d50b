/** What to do about an error that is known by its code alone: of a row that ended its loop, of an action step that ended badly. */

const HINTS: Readonly<Record<string, string>> = {
  AUTH_401: 'Put a token that the API takes where `auth` of the connection points, then go on: `upriver retry RUN`.',
  AUTH_403: 'Give the token the scope or permission that the message names, then go on: `upriver retry RUN`.',
  ROW_STOP_AFTER: 'See why with `upriver rows RUN --outcome rejected,failed,unknown`; then `upriver retry RUN`.',
  ROW_NOT_ATTEMPTED: 'Look at what stopped the run.',
};
const STOPPED = 'A rule of the action stopped the loop. When that is mended, go on: `upriver retry RUN`.';

/** Of an error that ended a loop before its last row. */
export function stopHint(code: string): string {
  return HINTS[code] ?? STOPPED;
}

/** Of an action step; nothing where its message must do. */
export function actionHint(code: string): { hint?: string } {
  const hint = HINTS[code]?.replace('then go on: `upriver retry RUN`', 'then run the river again');
  return hint ? { hint } : {};
}
