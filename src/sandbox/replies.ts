/** Answers in HubSpot's shapes. Wordings and categories are those seen in its replies and its public API description. */
import type { Call } from './call.ts';
import { type Deal, isoTime } from './deals.ts';
import type { Problem, Values } from './properties.ts';

export interface Reply {
  status: number;
  body: string;
  /** Default: JSON. */
  contentType?: string;
  /** Names and values in turn. */
  headers?: readonly string[];
  /** The deals that this request changed. */
  wrote: readonly Deal[];
}

const NONE: readonly Deal[] = [];
export const PORTAL_ID = 62515;
export const WRITE_SCOPE = 'crm.objects.deals.write';
export const READ_SCOPE = 'crm.objects.deals.read';

export function ok(body: string, wrote: readonly Deal[] = NONE, status = 200): Reply {
  return { status, body, wrote };
}

interface RefusalBody {
  message: string;
  category?: string;
  errors?: unknown[];
  context?: Record<string, string[]>;
  links?: Record<string, string>;
}

export function refuse(call: Call, status: number, body: RefusalBody): Reply {
  const { message, category, ...rest } = body;
  const whole = { status: 'error', message, correlationId: call.correlationId, ...rest, category };
  return { status, body: JSON.stringify(whole), wrote: NONE };
}

export function invalid(call: Call, message: string, context?: Record<string, string[]>): Reply {
  return refuse(call, 400, { message, context, category: 'VALIDATION_ERROR' });
}

/** The 400 for values that cannot be stored: the problems as JSON inside the message, and again as `errors`. */
export function invalidProperties(call: Call, problems: readonly Problem[]): Reply {
  const errors = problems.map(({ name, code, message }) => ({ message, code, context: { propertyName: [name] } }));
  return refuse(call, 400, { message: problemsMessage(problems), errors, category: 'VALIDATION_ERROR' });
}

export function problemsMessage(problems: readonly Problem[]): string {
  const details = problems.map(({ name, code, message }) => ({
    isValid: false,
    message,
    error: code,
    name,
    localizedErrorMessage: message,
    portalId: PORTAL_ID,
  }));
  return `Property values were not valid: ${JSON.stringify(details)}`;
}

export function dealNotFound(call: Call, id: string): Reply {
  const message = 'Object not found.  objectId are usually numeric.';
  return refuse(call, 404, { message, context: { id: [id] }, category: 'OBJECT_NOT_FOUND' });
}

export function notUnique(call: Call, property: string): Reply {
  return invalid(
    call,
    `Unable to perform update/upsert by non-unique 0-3 property ${property} in portal ID ${PORTAL_ID}`,
  );
}

export function unauthorized(call: Call, message = NO_CREDENTIALS, category = 'INVALID_AUTHENTICATION'): Reply {
  return refuse(call, 401, { message, category });
}

const NO_CREDENTIALS =
  'Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview';

export function missingScope(call: Call, scope: string): Reply {
  return refuse(call, 403, {
    message: `This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.`,
    errors: [
      { message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: [scope] } },
    ],
    links: { scopes: 'https://developers.hubspot.com/scopes' },
    category: 'MISSING_SCOPES',
  });
}

export type Policy = 'TEN_SECONDLY_ROLLING' | 'DAILY' | 'SECONDLY';

export function tooMany(call: Call, policy: Policy, retryAfterSeconds: number | null): Reply {
  const message = `You have reached your ${policy.toLowerCase()} limit.`;
  const { correlationId } = call;
  const body = { status: 'error', message, errorType: 'RATE_LIMIT', correlationId, policyName: policy };
  const headers = retryAfterSeconds === null ? undefined : ['Retry-After', String(retryAfterSeconds)];
  return { status: 429, body: JSON.stringify(body), headers, wrote: NONE };
}

/** A deal as the object endpoints show it. */
export function dealJson(deal: Deal, properties: Values, extra: Record<string, unknown> = {}): string {
  const head = `{"id":${JSON.stringify(deal.id)},"properties":${JSON.stringify(properties)}`;
  const dates = `"createdAt":"${isoTime(deal.createdAt)}","updatedAt":"${isoTime(deal.updatedAt)}"`;
  let more = '';
  for (const name in extra) more += `,${JSON.stringify(name)}:${JSON.stringify(extra[name])}`;
  return `${head},${dates},"archived":${deal.archived}${more}}`;
}
