import { chmod, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf } from "../kit/thrown.ts";

type Handle = Awaited<ReturnType<typeof open>>;

const fileMode = 0o600;
const folderMode = 0o700;

export interface RotatingFileOptions {
  /** Absolute; earlier files are beside it, with `.1` (the latest), `.2`, ... behind the name. */
  readonly file: string;
  /** Bytes after which the next one begins. */
  readonly fileBytesMax: number;
  /** Of all, the present one among them. */
  readonly filesMax: number;
}

/** A file of lines that is only appended to, of its owner alone, and is put aside when it is large enough. */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #handle: Handle | undefined;
  /** As far as whole lines go. */
  #bytes = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /**
   * Appends whole lines, which stay together. One call at a time.
   * @throws what the disk says: nothing of the text is in the file then
   */
  async append(text: string): Promise<void> {
    const data = Buffer.from(text);
    await this.#makeRoom(data.length);
    const handle = this.#handle ?? (await this.#open());
    try {
      await handle.appendFile(data);
      this.#bytes += data.length;
    } catch (thrown) {
      await this.#takeBack(handle);
      throw thrown;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #makeRoom(bytes: number): Promise<void> {
    const { file, fileBytesMax } = this.#options;
    const known = this.#handle === undefined ? await sizeOf(file) : this.#bytes;
    if (known === 0 || known + bytes <= fileBytesMax) return;
    await this.close();
    await this.#putAside();
  }

  /** Oldest first, so that none is written over but the one that is too many. */
  async #putAside(): Promise<void> {
    const { file, filesMax } = this.#options;
    if (filesMax === 1) {
      await rm(file, { force: true });
      return;
    }
    for (let number = filesMax - 1; number > 0; number--) {
      const from = number === 1 ? file : earlierFile(file, number - 1);
      await rename(from, earlierFile(file, number)).catch((thrown: unknown) => {
        if (codeOf(thrown) !== "ENOENT") throw thrown;
      });
    }
  }

  async #open(): Promise<Handle> {
    const { file } = this.#options;
    const folder = dirname(file);
    await mkdir(folder, { recursive: true, mode: folderMode });
    await chmod(folder, folderMode);
    const handle = await open(file, "a+", fileMode);
    try {
      await handle.chmod(fileMode);
      this.#bytes = (await handle.stat()).size;
      await this.#endLine(handle);
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
    this.#handle = handle;
    return handle;
  }

  /** A process that was killed may have left half a line: the next one does not continue it. */
  async #endLine(handle: Handle): Promise<void> {
    if (this.#bytes === 0) return;
    const last = Buffer.alloc(1);
    await handle.read(last, 0, 1, this.#bytes - 1);
    if (last.toString() === "\n") return;
    await handle.appendFile("\n");
    this.#bytes++;
  }

  /** What a full disk took of the text. Where that cannot be, the file is opened anew and its last line ended. */
  async #takeBack(handle: Handle): Promise<void> {
    try {
      await handle.truncate(this.#bytes);
    } catch {
      await this.close().catch(() => undefined);
    }
  }
}

export const earlierFile = (file: string, number: number): string =>
  join(dirname(file), `${basename(file)}.${number}`);

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return 0;
    throw thrown;
  }
}
