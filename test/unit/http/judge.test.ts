/** What replies mean: rules, presets, defaults; and what can be said of them in one line. */
import fc from 'fast-check';
import type { RulePlan, Then } from '../../../src/contracts/plan.ts';
import type { Exchange } from '../../../src/core/exchange.ts';
import { compileJudge } from '../../../src/core/judge.ts';

function reply(status: number, body: unknown = '', headers: Record<string, string> = {}): Exchange {
  return {
    kind: 'reply',
    status,
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    truncated: false,
    ms: 1,
  };
}

function rule(when: string, then: Then, change: Partial<RulePlan> = {}): RulePlan {
  return { when, then, because: null, forMs: null, ...change };
}

const byDefault = compileJudge([], [], true);
const notTwice = compileJudge([], [], false);

describe('defaults', () => {
  test.each([
    [200, 'deliver', 'HTTP_200'],
    [204, 'deliver', 'HTTP_204'],
    [302, 'reject', 'HTTP_302'],
    [304, 'reject', 'HTTP_304'],
    [400, 'reject', 'HTTP_400'],
    [401, 'stop', 'AUTH_401'],
    [403, 'stop', 'AUTH_403'],
    [404, 'reject', 'HTTP_404'],
    [408, 'retry', 'HTTP_408'],
    [409, 'reject', 'HTTP_409'],
    [423, 'retry', 'HTTP_423'],
    [425, 'retry', 'HTTP_425'],
    [429, 'wait', 'HTTP_429'],
    [500, 'retry', 'HTTP_500'],
    [503, 'retry', 'HTTP_503'],
    [599, 'retry', 'HTTP_599'],
  ])('%i: %s', (status, then, code) => {
    expect(byDefault(reply(status), 1)).toMatchObject({ then, code, renew: status === 401 });
  });

  test.each([
    [408, 'unknown'],
    [423, 'retry'],
    [425, 'retry'],
    [429, 'wait'],
    [500, 'unknown'],
    [501, 'retry'],
    [502, 'unknown'],
    [503, 'retry'],
    [504, 'unknown'],
  ])('%i, not safe to send again: %s', (status, then) => {
    expect(notTwice(reply(status), 1).then).toBe(then);
  });

  test('without an answer', () => {
    const lost = { kind: 'lost', reason: 'timeout', message: 'm', ms: 1 } as const;
    const notSent = { kind: 'not_sent', reason: 'connect', message: 'm' } as const;
    expect(byDefault(lost, 1)).toMatchObject({ then: 'retry', code: 'LOST_TIMEOUT', message: 'm', reply: null });
    expect(notTwice(lost, 1)).toMatchObject({ then: 'unknown', code: 'LOST_TIMEOUT' });
    expect(notTwice(notSent, 1)).toMatchObject({ then: 'retry', code: 'NOT_SENT_CONNECT' });
  });
});

describe('rules', () => {
  test('the first match wins, before the connection’s, before the defaults', () => {
    const judge = compileJudge(
      [rule('status == 404', 'skip', { because: 'the deal does not exist' }), rule('status == 404', 'stop')],
      [rule('status == 404 || status == 409', 'retry', { forMs: 2000 })],
      true,
    );
    expect(judge(reply(404), 1)).toMatchObject({
      then: 'skip',
      message: 'the deal does not exist',
      code: 'HTTP_404',
      forMs: null,
    });
    expect(judge(reply(409), 1)).toMatchObject({ then: 'retry', forMs: 2000 });
    expect(judge(reply(410), 1).then).toBe('reject');
  });

  test('they read status, headers, body and attempt; what is absent is null', () => {
    const judge = compileJudge(
      [
        rule('body.errors[0].code == "A"', 'reject', { because: 'code {body.errors.0.code}' }),
        rule('headers["x-state"] == "busy" && attempt < 3', 'retry'),
        rule('body.ok', 'deliver'),
      ],
      [],
      true,
    );
    expect(judge(reply(200, { errors: [{ code: 'A' }] }), 1)).toMatchObject({ then: 'reject', message: 'code A' });
    expect(judge(reply(200, '', { 'x-state': 'busy' }), 2).then).toBe('retry');
    expect(judge(reply(400, '', { 'x-state': 'busy' }), 3).then).toBe('reject');
    expect(judge(reply(400, { ok: true }), 1).then).toBe('deliver');
    expect(judge(reply(200, '<html>'), 1).then).toBe('deliver');
  });

  test('an action’s own rule may send again what a preset’s may not', () => {
    const again = [rule('status == 500', 'retry')];
    expect(compileJudge(again, [], false)(reply(500), 1).then).toBe('retry');
    expect(compileJudge([], again, false)(reply(500), 1).then).toBe('unknown');
  });

  test('one that fails stops the loop instead of falling through to delivered', () => {
    const judge = compileJudge([rule('int(body.n) > 3', 'reject')], [], true);
    expect(judge(reply(200, { n: 'many' }), 1)).toMatchObject({ then: 'stop', code: 'RIVER_EXPRESSION' });
  });
});

describe('messages', () => {
  test.each([
    [{ message: 'no such deal', category: 'X' }, 'no such deal'],
    [{ error: { message: 'bad field' } }, 'bad field'],
    [{ error: 'invalid_grant', error_description: 'token revoked' }, 'token revoked'],
    [{ error: 'nope' }, 'nope'],
    [{ errors: [{ message: 'first' }, { message: 'second' }] }, 'first'],
    [{ errors: ['plain'] }, 'plain'],
    [{ title: 'Conflict', detail: 'already there' }, 'Conflict: already there'],
    [[{ message: 'Salesforce', errorCode: 'Y' }], 'Salesforce'],
    [{ other: 1 }, 'HTTP 400'],
    ['', 'HTTP 400'],
    ['  plain\n text ', 'plain text'],
    ['<html><head><style>a{}</style><script>x()</script></head><body><h1>Bad</h1>Gateway</body></html>', 'Bad Gateway'],
    ['{"message": "trunc', '{"message": "trunc'],
  ])('%j', (body, message) => {
    expect(byDefault(reply(400, body), 1).message).toBe(message);
  });

  test('are short', () => {
    expect(byDefault(reply(400, 'x'.repeat(10_000)), 1).message).toHaveLength(1_000);
  });
});

const anyExchange: fc.Arbitrary<Exchange> = fc.oneof(
  fc.record({
    kind: fc.constant('reply' as const),
    status: fc.integer({ min: 200, max: 999 }),
    headers: fc.dictionary(fc.string(), fc.string()),
    body: fc.oneof(fc.string(), fc.json()),
    truncated: fc.boolean(),
    ms: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('lost' as const),
    reason: fc.constantFrom('timeout' as const, 'reset' as const, 'aborted' as const),
    message: fc.string(),
    ms: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('not_sent' as const),
    reason: fc.constantFrom('expired' as const, 'aborted' as const, 'connect' as const),
    message: fc.string(),
  }),
);

const CONDITIONS = [
  'status == 200',
  'body.a.b > 3',
  'body.errors.exists(e, e.code == "x")',
  'headers["a"] == "b"',
  'size(body) > 2',
  'body[0] == attempt',
  'body.contains("a")',
];
const anyRules = fc.array(
  fc.record({
    when: fc.constantFrom(...CONDITIONS),
    then: fc.constantFrom<Then>('deliver', 'skip', 'reject', 'retry', 'wait', 'stop'),
    because: fc.constantFrom(null, 'fixed', 'was {body.message} ({status})'),
    forMs: fc.constantFrom(null, 10),
  }),
  { maxLength: 4 },
);

describe('whatever comes', () => {
  test('every exchange gets exactly one verdict, and nothing is thrown', () => {
    const verdicts = ['deliver', 'skip', 'reject', 'retry', 'wait', 'stop', 'unknown'];
    fc.assert(
      fc.property(anyExchange, anyRules, anyRules, fc.boolean(), (exchange, own, shared, idempotent) => {
        const verdict = compileJudge(own, shared, idempotent)(exchange, 1);
        expect(verdicts).toContain(verdict.then);
        expect(verdict.code).toMatch(/^(HTTP_\d{3}|AUTH_40[13]|LOST_[A-Z]+|NOT_SENT_[A-Z]+|RIVER_EXPRESSION)$/);
        expect(verdict.reply === null).toBe(exchange.kind !== 'reply');
        expect(verdict.message.length).toBeLessThanOrEqual(10_000);
      }),
    );
  });

  test('without rules, what may have been applied and is not safe to send again is never sent again', () => {
    fc.assert(
      fc.property(anyExchange, (exchange) => {
        const { then } = notTwice(exchange, 1);
        const inDoubt =
          exchange.kind === 'lost' || (exchange.kind === 'reply' && [408, 500, 502, 504].includes(exchange.status));
        expect(then === 'unknown').toBe(inDoubt);
      }),
    );
  });

  test('only 2xx is delivered by default', () => {
    fc.assert(
      fc.property(anyExchange, (exchange) => {
        const ok = exchange.kind === 'reply' && exchange.status < 300;
        expect(byDefault(exchange, 1).then === 'deliver').toBe(ok);
      }),
    );
  });
});

describe('a web page where an API should be', () => {
  const page = (body: string, contentType = 'text/html; charset=utf-8') =>
    ({ kind: 'reply', status: 200, headers: { 'content-type': contentType }, body, truncated: false, ms: 1 }) as const;

  test('is tried again, or unknown where that is not safe', () => {
    const html = page('<!DOCTYPE html><title>Sign in</title>');
    expect(compileJudge([], [], true)(html, 1)).toMatchObject({ then: 'retry', code: 'REMOTE_WEB_PAGE' });
    expect(compileJudge([], [], false)(html, 1)).toMatchObject({ then: 'unknown', code: 'REMOTE_WEB_PAGE' });
  });

  test('an `ok` that calls itself HTML is an answer', () => {
    expect(compileJudge([], [], false)(page('ok'), 1)).toMatchObject({ then: 'deliver' });
  });

  test('a rule of the action’s own comes first', () => {
    const rules = [{ when: 'status == 200', then: 'deliver', because: null, forMs: null } as const];
    expect(compileJudge([...rules], [], false)(page('<html></html>'), 1)).toMatchObject({ then: 'deliver' });
  });
});
