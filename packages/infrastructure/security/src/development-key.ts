// The key pair with which a developer's machine signs tokens for itself.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Misconfigured } from '@groundwork/application';
import { z } from 'zod';

const FILE = 'development-token-key.json';

export interface DevelopmentKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * The Ed25519 pair under `dataDir`, made at first use and readable by its owner only. Processes that ask at the same
 * time get the same pair. Throws Misconfigured `security.development-key-unreadable`.
 */
export function developmentKey(dataDir: string): DevelopmentKey {
  const path = join(dataDir, FILE);
  const privateKey = readKey(path) ?? makeKey(dataDir, path);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

const storedKey = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), d: z.string() });

function readKey(path: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: storedKey.parse(JSON.parse(readFileSync(path, 'utf8'))), format: 'jwk' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Misconfigured(
      'security.development-key-unreadable',
      `${path} does not hold a readable development key.`,
      'Delete the file; a new key is made at the next start.',
      {},
      { cause: error },
    );
  }
}

function makeKey(dataDir: string, path: string): KeyObject {
  mkdirSync(dataDir, { recursive: true });
  const draft = join(dataDir, `.${FILE}.${randomUUID()}`);
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  writeFileSync(draft, JSON.stringify(jwk), { mode: 0o600, flag: 'wx' });
  try {
    // A link appears whole or not at all and never replaces a file: of several processes the first one wins.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readKey(path)!;
}
