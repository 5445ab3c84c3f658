import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labelsOf } from '../../../../src/presentation/http/overview/project-labels.ts';

describe('the labels of projects', () => {
  it('are as short as tells them apart', () => {
    const paths = [
      '/home/ada/shop/web',
      '/home/ada/blog/web',
      '/home/ada/maos',
      '/srv',
      '/',
      '/a/b',
      '/c/a/b',
    ];
    assert.deepEqual(labelsOf(paths), ['shop/web', 'blog/web', 'maos', '/srv', '/', '/a/b', '/c/a/b']);
    assert.deepEqual(labelsOf([]), []);
    assert.deepEqual(labelsOf(['C:\\work\\shop']), ['shop']);
  });
});
