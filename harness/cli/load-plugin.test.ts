import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPlugin } from './load-plugin.ts';

const here = import.meta.dirname;
let outside: string;

beforeAll(() => {
  outside = mkdtempSync(path.join(tmpdir(), 'powercut-load-plugin-'));
  plantPackage('by-main', { main: 'entry.cjs' });
  plantPackage('by-import', { type: 'module', exports: { '.': { import: './entry.js' } } });
});

afterAll(() => {
  rmSync(outside, { recursive: true });
});

/** A package whose entry passes the fault of test-plugins on. */
function plantPackage(name: string, manifest: object): void {
  const folder = path.join(outside, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, ...manifest }));
  const members = `{ kind: 'fault', apiVersion: 1, name: '${name}', summary: 'planted',
    layer: 'drive', faultClass: 'bit-rot', options: { parse: (input) => input },
    probe: async () => ({ available: true }), arm: async () => ({}) }`;
  writeFileSync(path.join(folder, 'entry.cjs'), `module.exports = ${members};\n`);
  writeFileSync(path.join(folder, 'entry.js'), `export default ${members};\n`);
}

describe('loadPlugin', () => {
  it('loads a plug-in by a path from the given directory, and says its URL', async () => {
    const loaded = await loadPlugin('engine', './test-plugins/engine.mjs', here);
    expect(loaded.plugin.name).toBe('outside-engine');
    expect(loaded.url).toBe(pathToFileURL(path.join(here, 'test-plugins/engine.mjs')).href);
  });

  it('loads a plug-in by an absolute path and by a file URL', async () => {
    const file = path.join(here, 'test-plugins/fault.mjs');
    expect((await loadPlugin('fault', file, '/')).plugin.name).toBe('outside-fault');
    const { href } = pathToFileURL(file);
    expect((await loadPlugin('fault', href, '/')).url).toBe(href);
  });

  it('loads a plug-in from a package, whether it is made for require or for import', async () => {
    expect((await loadPlugin('fault', 'by-main', outside)).plugin.name).toBe('by-main');
    expect((await loadPlugin('fault', 'by-import', outside)).plugin.name).toBe('by-import');
  });

  it.each([
    ['a name that is near a built-in one', 'journl', 'did you mean "journal"?'],
    ['a name that is near none', 'zzzzzz', 'unknown engine "zzzzzz", expected one of journal'],
    ['a path to nothing', './nowhere.mjs', 'engine "./nowhere.mjs" not found'],
    ['a module of Node itself', 'zlib', 'unknown engine "zlib"'],
  ])('refuses %s', async (_, use, message) => {
    await expect(loadPlugin('engine', use, here)).rejects.toMatchObject({
      code: 'PLUGIN_NOT_FOUND',
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    ['of another kind', 'fault.mjs', 'its kind is "fault", expected "engine"'],
    ['of another API version', 'of-another-version.mjs', 'its kind is "fault"'],
    ['without what an engine needs', 'incomplete.mjs', 'its open is missing, expected a function'],
    [
      'with a name nobody can type',
      'incomplete.mjs',
      'its name is "Half Done", expected lower-case',
    ],
  ])('refuses a module %s', async (_, file, message) => {
    await expect(loadPlugin('engine', `./test-plugins/${file}`, here)).rejects.toMatchObject({
      code: 'PLUGIN_INVALID',
      message: expect.stringContaining(message) as string,
    });
  });

  it('refuses a plug-in that was made for another version of the interfaces', async () => {
    const use = './test-plugins/of-another-version.mjs';
    await expect(loadPlugin('fault', use, here)).rejects.toThrow('its apiVersion is 2, expected 1');
  });

  it('refuses a module that cannot be loaded, and says why', async () => {
    writeFileSync(path.join(outside, 'broken.mjs'), `throw new Error('out of cheese');\n`);
    await expect(loadPlugin('fault', './broken.mjs', outside)).rejects.toMatchObject({
      code: 'PLUGIN_INVALID',
      message: expect.stringContaining('cannot be loaded: out of cheese') as string,
    });
  });
});
