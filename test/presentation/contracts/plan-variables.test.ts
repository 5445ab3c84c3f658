// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts under test
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { substitute } from '../../../src/presentation/contracts/plan-variables.ts';

const given = (values: Readonly<Record<string, string>> = {}) => new Map(Object.entries(values));
const texts = (plan: object, values: Readonly<Record<string, string>> = {}) =>
  substitute(plan, given(values)).problems.map(({ text }) => text);

describe('variables of a plan', () => {
  it('stand for their values in texts, from --set before the default', () => {
    const variables = { branch: 'main', count: 3, isStrict: false };
    const plan = { variables, agents: [{ task: '${branch} x${count}, ${isStrict} $branch', stage: 1 }] };
    const { value, problems, remarks } = substitute(plan, given({ branch: 'a=b ${count}' }));
    assert.deepEqual(value, { variables, agents: [{ task: 'a=b ${count} x3, false $branch', stage: 1 }] });
    assert.deepEqual([problems, remarks], [[], []]);
  });

  it('leave the variables of the shell alone, and every text of a plan without variables', () => {
    const command = 'echo ${HOME} ${x:-${branch}} $$ ${branch:-x}';
    const { value } = substitute({ variables: { branch: 'main' }, command }, given());
    assert.deepEqual(value, {
      variables: { branch: 'main' },
      command: 'echo ${HOME} ${x:-main} $$ ${branch:-x}',
    });
    const plain = { objective: 'What does $${name} mean in ${HOME}?' };
    assert.equal(substitute(plain, given()).value, plain);
  });

  it('can be written themselves', () => {
    const { value } = substitute({ variables: { a: '1' }, objective: '$${a} $${b} $$${a}' }, given());
    assert.deepEqual(value, { variables: { a: '1' }, objective: '${a} ${b} $${a}' });
  });

  it('must have a value where one is used, once per variable', () => {
    const plan = { variables: { a: null, b: null }, agents: [{ task: '${a}', name: '${a}' }] };
    const { problems } = substitute(plan, given());
    assert.deepEqual(
      problems.map(({ path, text }) => [path, text]),
      [
        [
          ['agents', 0, 'task'],
          'the variable "a" has no value: add --set a=VALUE, or give it a default in "variables"',
        ],
      ],
    );
    assert.deepEqual(texts(plan, { a: '' }), []);
  });

  it('are refused in --set if the plan does not know or use them', () => {
    const plan = { variables: { branch: 'x' }, objective: 'y' };
    assert.deepEqual(texts(plan, { brnch: '1' }), [
      '--set "brnch": the plan does not declare this variable in "variables". Did you mean "branch"?',
    ]);
    assert.deepEqual(texts(plan, { other: '1' }), [
      '--set "other": the plan does not declare this variable in "variables". It declares: branch.',
    ]);
    assert.deepEqual(texts({ objective: 'y' }, { other: '1' }), [
      '--set "other": the plan does not declare this variable in "variables". It declares none.',
    ]);
    assert.deepEqual(texts(plan, { branch: '1' }), ['--set branch: no text of the plan uses ${branch}']);
  });

  it('that look mistyped are remarked upon', () => {
    const { remarks } = substitute({ variables: { branch: 'x' }, objective: '${brnch} ${HOME}' }, given());
    assert.deepEqual(remarks, [
      '${brnch} is left as it is, because "variables" has no such name. Did you mean "branch"?',
    ]);
  });

  it('cannot change the structure of a plan, whatever their values', () => {
    const shapeOf = (value: unknown): unknown =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)])
        : typeof value;
    fc.assert(
      fc.property(fc.string(), fc.string(), (ofSet, ofDefault) => {
        const plan = {
          variables: { a: null, b: ofDefault },
          agents: [{ task: '${a}', '${a}': 1, depends_on: ['${b}', '${a}${b}'] }],
        };
        const { value } = substitute(plan, given({ a: ofSet }));
        assert.deepEqual(shapeOf(value), shapeOf(plan));
        assert.deepEqual((value as typeof plan).agents[0]?.depends_on, [ofDefault, `${ofSet}${ofDefault}`]);
      }),
    );
  });

  it('cannot make a plan arbitrarily large', () => {
    const plan = {
      variables: { a: 'x'.repeat(100_000) },
      agents: Array.from({ length: 500 }, () => '${a}${a}'),
    };
    const { problems } = substitute(plan, given());
    assert.match(problems[0]?.text ?? '', /larger than 32 MiB/);
  });
});
