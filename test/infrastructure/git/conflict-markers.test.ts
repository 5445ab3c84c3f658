import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
beforeEach(() => {
  scratch = new ScratchRepository();
});
afterEach(() => scratch.remove());

it('finds conflict markers that a commit adds, and nothing else', async () => {
  const marked = '<<<<<<< ours\none\n=======\ntwo\n>>>>>>> theirs\n';
  scratch.write('known.txt', marked);
  const base = scratch.commitAll('A test of markers');
  scratch.write('known.txt', `${marked}more \t\n`);
  scratch.write('white space.txt', 'trailing  \n \tindent\n\n\n');
  const clean = scratch.commitAll('Only white space');
  assert.deepEqual(await scratch.workspaces.conflictMarkers(scratch.folder, base, clean), []);
  scratch.write('left ü: here.txt', marked);
  scratch.write('a.txt', '>>>>>>> theirs\n');
  const left = scratch.commitAll('Left');
  const found = await scratch.workspaces.conflictMarkers(scratch.folder, base, left);
  assert.deepEqual([...found].sort(), ['a.txt', 'left ü: here.txt']);
});
