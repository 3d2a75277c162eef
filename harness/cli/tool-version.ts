import * as fs from 'node:fs';

/** The version in package.json, which is one folder further up when this file runs from dist/. */
export function toolVersion(): string {
  const root = import.meta.url.endsWith('.js') ? '../../../' : '../../';
  const manifest = fs.readFileSync(new URL(`${root}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
