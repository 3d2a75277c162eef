import type { FileSystemAdapter } from '../../harness/contract/index.ts';
import { probeFileSystem } from '../file-system-engine.ts';
import { contractFor } from './contract.ts';
import { ext4Options, type Ext4Config } from './options.ts';
import { recipeFor } from './recipe.ts';

const ext4: FileSystemAdapter<Ext4Config> = {
  kind: 'engine',
  apiVersion: 1,
  name: 'ext4',
  summary: 'ext4 of this kernel: data modes, fast commits, no barriers, no journal, ext2',
  medium: 'files',
  options: ext4Options,
  contractFor,
  recipeFor,
  probe: (host) =>
    probeFileSystem(host, { type: 'ext4', tools: { mke2fs: 'e2fsprogs', e2fsck: 'e2fsprogs' } }),
};

export default ext4;
