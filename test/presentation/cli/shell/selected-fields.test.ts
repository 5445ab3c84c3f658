import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  fieldPaths,
  missingFields,
  selectFields,
} from '../../../../src/presentation/cli/shell/selected-fields.ts';

const document = {
  state: 'running',
  agents: [
    { name: 'a', usage: { turns: 1, cost_usd: 2 } },
    { name: 'b', usage: null },
  ],
};

describe('--fields', () => {
  it('selects fields, through lists and objects, in the order given', () => {
    const select = (list: string) => JSON.stringify(selectFields(document, fieldPaths(list)));
    assert.equal(select('state'), '{"state":"running"}');
    assert.equal(
      select('agents.name,state,agents.usage.turns'),
      '{"agents":[{"name":"a","usage":{"turns":1}},{"name":"b","usage":null}],"state":"running"}',
    );
    assert.equal(
      select('agents.usage,agents.usage.turns'),
      JSON.stringify({ agents: document.agents.map(({ usage }) => ({ usage })) }),
    );
    assert.equal(select('state.deeper,absent'), '{"state":null,"absent":null}');
  });

  it('says which fields there are, when one is missing', () => {
    assert.equal(
      missingFields(document, ['agents.x', 'nmae']),
      'Not in this document: nmae. Its fields: state, agents.',
    );
    assert.equal(missingFields(document, ['state']), null);
  });
});
