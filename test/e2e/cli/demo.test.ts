/** `npm run demo`: ends by itself with 0, shows what it promises, leaves nothing running. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');

test('the demo sends 496 of 500 deals under the limit, shows the four that were refused, and sends nothing twice', async () => {
  const demo = spawn('npm', ['run', '--silent', 'demo'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  demo.stdout.on('data', (text) => (output += text));
  demo.stderr.on('data', (text) => (output += text));
  const [code] = (await once(demo, 'close')) as [number];
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(output).toMatch(/each_deal +loop +partial .* 500 +496 +4 +500\n/);
  expect(output.match(/each_deal +\d+ +99000004\d\d|each_deal +\d+ +9900000500/g)).toHaveLength(4);
  expect(output).toMatch(/500 rows: unchanged 496, rejected 4\n/);
  expect(output).toContain('504 requests, 0 of them refused for the limit; 496 deals changed.');
  const { pid } = JSON.parse(await readFile(join(ROOT, 'examples/trial-deals/.upriver/temporal.json'), 'utf8')) as {
    pid: number;
  };
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
}, 240_000);
