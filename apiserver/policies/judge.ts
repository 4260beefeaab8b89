/** What one policy says of a request, as upstream's `admission/plugin/policy/validating`. Pure but for what the variables look up. */
import { sentenceOf } from '#lib/cel/expression.ts';
import type { Expression, Variables } from '#lib/cel/expression.ts';
import { compileCondition, compilePolicy } from '#lib/kinds/checks/expressions.ts';
import type { ValidatingAdmissionPolicy, Validation } from '#lib/kinds/gen/admissionregistration-v1.ts';

/** Something that does not hold. */
export interface Finding {
  message: string;
  /** As the policy names it; Invalid when absent. */
  reason: string | undefined;
}

export interface Judgement {
  findings: Finding[];
  /** For the audit log, by key. */
  annotations: [key: string, value: string][];
}

interface Compiled {
  conditions: Expression[];
  variables: [name: string, expression: Expression][];
  validations: { source: Validation; condition: Expression; message: Expression | undefined }[];
  annotations: [key: string, expression: Expression][];
}

/** By the object in memory, which is another one after each change. */
const compiled = new WeakMap<ValidatingAdmissionPolicy, Compiled>();

function compiledOf(policy: ValidatingAdmissionPolicy): Compiled {
  let found = compiled.get(policy);
  if (!found) {
    const { matchConditions = [], variables = [], validations = [], auditAnnotations = [] } = policy.spec;
    found = {
      conditions: matchConditions.map(({ expression }) => compileCondition(expression)),
      variables: variables.map(({ name, expression }) => [name, compilePolicy(expression)]),
      validations: validations.map((source) => ({
        source,
        condition: compilePolicy(source.expression),
        message: source.messageExpression ? compilePolicy(source.messageExpression) : undefined,
      })),
      annotations: auditAnnotations.map(({ key, valueExpression }) => [key, compilePolicy(valueExpression)]),
    };
    compiled.set(policy, found);
  }
  return found;
}

/** `given` are the variables of every expression. Throws Error for what cannot be evaluated where the policy wants no failure passed over. */
export function judge(policy: ValidatingAdmissionPolicy, given: Variables): Judgement {
  const { conditions, variables, validations, annotations } = compiledOf(policy);
  const isLenient = policy.spec.failurePolicy === 'Ignore';
  const nothing: Judgement = { findings: [], annotations: [] };
  try {
    if (!conditions.every((condition) => condition.evaluate(given) === true)) return nothing;
  } catch (error) {
    if (isLenient) return nothing;
    return { findings: [{ message: (error as Error).message, reason: undefined }], annotations: [] };
  }
  const all: Variables = { ...given, variables: lazily(variables, () => all) };
  const findings = validations.flatMap(({ source, condition, message }): Finding[] => {
    try {
      if (condition.evaluate(all) === true) return [];
    } catch (error) {
      if (isLenient) return [];
      const text = `expression '${source.expression.trim()}' resulted in error: ${(error as Error).message}`;
      return [{ message: text, reason: source.reason }];
    }
    return [{ message: messageOf(source, message, all), reason: source.reason }];
  });
  return { findings, annotations: annotations.flatMap(([key, expression]) => annotationOf(key, expression, all)) };
}

/** Each is evaluated when it is first spoken of; one may speak of those before it. */
function lazily(variables: Compiled['variables'], all: () => Variables): object {
  const holder = Object.create(null) as Record<string, unknown>;
  for (const [name, expression] of variables) {
    let made: { value: unknown } | undefined;
    const get = () => (made ??= { value: expression.evaluate(all()) }).value;
    Object.defineProperty(holder, name, { enumerable: true, get });
  }
  return holder;
}

function messageOf({ message, expression }: Validation, said: Expression | undefined, all: Variables): string {
  return (said && sentenceOf(said, all)) || message?.trim() || `failed expression: ${expression.trim()}`;
}

/** What comes to null, or to nothing, is left out. */
function annotationOf(key: string, expression: Expression, all: Variables): [string, string][] {
  try {
    const value = expression.evaluate(all);
    return typeof value === 'string' && value !== '' ? [[key, value]] : [];
  } catch {
    return [];
  }
}
