// Makes a checkout ready to run: `npm start` and `npm test` call it first. Plain Node without any
// package, since it is what installs them; and free of new syntax, so that an old Node can say that
// it is too old.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const buildStamp = path.join(root, 'dist', '.powercut-build');

main(process.argv.slice(2));

function main(flags) {
  checkNode();
  installPackages();
  if (flags.includes('--build')) build();
}

function checkNode() {
  const wanted = readJson('package.json').engines.node.replace('>=', '');
  if (isAtLeast(process.versions.node, wanted)) return;
  fail(
    `Node ${process.versions.node} is too old: Powercut needs ${wanted} or later.`,
    'Install one from https://nodejs.org or with your package manager.',
  );
}

function isAtLeast(found, wanted) {
  const foundParts = found.split('.').map(Number);
  for (const [index, part] of wanted.split('.').map(Number).entries()) {
    if (foundParts[index] !== part) return foundParts[index] > part;
  }
  return true;
}

function installPackages() {
  if (packagesMatchLock()) return;
  say('installing packages: npm ci --ignore-scripts');
  const { status, stderr } = runNpm(['ci', '--ignore-scripts']);
  if (status !== 0) fail('npm ci failed, so nothing can run.', installAdvice(stderr));
}

// npm writes down what it installed in node_modules/.package-lock.json, as its last step. So every
// package that the lock file wants must be there in the same version; those for other platforms are
// optional and may be missing.
function packagesMatchLock() {
  const installedFile = path.join('node_modules', '.package-lock.json');
  if (!fs.existsSync(path.join(root, installedFile))) return false;
  const installed = readJson(installedFile).packages;
  return Object.entries(readJson('package-lock.json').packages).every(([location, wanted]) => {
    if (location === '') return true;
    const found = installed[location];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

// npm's errors are shown as they come, and kept to tell what kind they are.
function runNpm(words) {
  // Set by npm for what it runs: the same npm again, without looking for it on the PATH.
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const result = spawnSync(command, [...first, ...words], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  const stderr = result.stderr || String(result.error || '');
  process.stderr.write(stderr);
  return { status: result.status, stderr };
}

function installAdvice(stderr) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(stderr)) {
    return 'The package registry cannot be reached. `npm config get registry` names it; check the network and the proxy.';
  }
  return 'The lines above are what npm said.';
}

function build() {
  const digest = digestOfSources();
  if (readText(buildStamp) === digest) return;
  say('building dist/: tsc -p tsconfig.build.json');
  // What an older source left there would be found by its name.
  fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) fail('the build failed.', 'The lines above are what the compiler said.');
  fs.writeFileSync(buildStamp, digest);
}

// By content and not by time: a checkout gives every file the same time.
function digestOfSources() {
  const hash = createHash('sha256');
  const settings = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const folders = readJson('tsconfig.build.json').include;
  for (const file of [...settings, ...folders.flatMap(sourceFilesIn)]) {
    hash.update(`${file}\0`).update(fs.readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

function sourceFilesIn(folder) {
  const entries = fs.readdirSync(path.join(root, folder), { recursive: true });
  return entries
    .map((entry) => path.join(folder, entry))
    .filter((file) => /(?<!\.test)\.tsx?$/.test(file))
    .sort();
}

function readJson(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

function say(text) {
  console.log(`setup: ${text}`);
}

function fail(what, advice) {
  console.error(`setup: ${what}\nsetup: ${advice}`);
  process.exit(1);
}
