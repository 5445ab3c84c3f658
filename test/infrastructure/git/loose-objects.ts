import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import type { Entry, Tree } from './random-history.ts';

/** Objects of a repository as files of their own, read and written without a process of git for each. */
export class LooseObjects {
  readonly #folders: readonly string[];

  /** @param checkouts of the repository, and of those that share its objects */
  constructor(checkouts: readonly string[]) {
    this.#folders = checkouts.map((folder) => join(folder, '.git/objects'));
  }

  /** Writes the histories, one after the other from the same root. @returns the last commit of each */
  writeHistories(root: Tree, branches: readonly (readonly Tree[])[]): string[] {
    let count = 0;
    const commit = (tree: Tree, parent: string | null): string => {
      const who = `A <a@example.invalid> ${1_700_000_000 + ++count} +0000`;
      const from = parent === null ? '' : `parent ${parent}\n`;
      const head = `tree ${this.#writeTree([...tree])}\n${from}`;
      return this.#write('commit', Buffer.from(`${head}author ${who}\ncommitter ${who}\n\nx\n`));
    };
    const first = commit(root, null);
    return branches.map((trees) => {
      let tip = first;
      for (const tree of trees) tip = commit(tree, tip);
      return tip;
    });
  }

  /** The tree of a commit that is a file of its own. */
  treeOf(commit: string): string {
    const text = inflateSync(readFileSync(this.#path(commit))).toString('latin1');
    const [, tree] = /^commit \d+\0tree ([0-9a-f]{40})\n/.exec(text) ?? [];
    assert.ok(tree !== undefined, text);
    return tree;
  }

  #writeTree(entries: readonly (readonly [path: string, entry: Entry])[]): string {
    const files: Named[] = [];
    const folders = new Map<string, [string, Entry][]>();
    for (const [path, entry] of entries) {
      const slash = path.indexOf('/');
      if (slash === -1) files.push({ name: path, mode: entry.mode, id: this.#idOf(entry) });
      else {
        const below = folders.get(path.slice(0, slash)) ?? [];
        folders.set(path.slice(0, slash), below);
        below.push([path.slice(slash + 1), entry]);
      }
    }
    for (const [name, below] of folders) files.push({ name, mode: '40000', id: this.#writeTree(below) });
    // git compares the name of a folder as if it ended in a slash.
    const key = ({ name, mode }: Named) => Buffer.from(mode === '40000' ? `${name}/` : name);
    files.sort((a, b) => Buffer.compare(key(a), key(b)));
    const lines = files.map(({ name, mode, id }) =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]),
    );
    return this.#write('tree', Buffer.concat(lines));
  }

  #idOf({ mode, content }: Entry): string {
    return mode === '160000' ? content.toString() : this.#write('blob', content);
  }

  #write(type: string, content: Buffer): string {
    const whole = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
    const id = createHash('sha1').update(whole).digest('hex');
    const path = this.#path(id);
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, deflateSync(whole));
    }
    return id;
  }

  #path(id: string): string {
    const paths = this.#folders.map((folder) => join(folder, id.slice(0, 2), id.slice(2)));
    return paths.find((path) => existsSync(path)) ?? (paths[0] as string);
  }
}

type Named = { readonly name: string; readonly mode: string; readonly id: string };
