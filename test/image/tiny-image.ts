import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const DOCKER = 'application/vnd.docker';

/** The parts of an image with one layer. */
export interface TinyImage {
  /**
   * The image's root, with everything that tar preserves: owners, modes, devices, extended
   * attributes.
   */
  readonly root: string;
  /** Its configuration (Docker Image Specification v1.2) without the layers. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

/**
 * Writes an image byte by byte that no tool would build; returns its name in buildah's notation
 * (`dir:…`).
 * https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
 */
export async function writeTinyImage(folder: string, { root, configuration }: TinyImage): Promise<string> {
  await mkdir(folder, { recursive: true });
  const archive = join(folder, 'layer.tar');
  const all = ['--xattrs', '--xattrs-include=*', '--sort=name', '--mtime=@0', '--numeric-owner'];
  await execa('tar', ['--create', '--file', archive, ...all, '--directory', root, '.']);
  const layer = await readFile(archive);
  const text = JSON.stringify({
    ...configuration,
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const blob = async (content: Buffer, kind: string) => {
    const sum = sha256(content);
    await writeFile(join(folder, sum), content);
    return { mediaType: `${DOCKER}.${kind}`, size: content.length, digest: `sha256:${sum}` };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: `${DOCKER}.distribution.manifest.v2+json`,
    config: await blob(Buffer.from(text), 'container.image.v1+json'),
    layers: [await blob(layer, 'image.rootfs.diff.tar')],
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
  return `dir:${folder}`;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
