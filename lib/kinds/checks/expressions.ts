/** Expressions of admission: what they may speak of, and whether they are any. */
import { makeCompiler } from '#lib/cel/expression.ts';
import { invalid } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';

const always = ['object', 'oldObject', 'request', 'authorizer'];

/** Conditions under which a webhook or a policy is asked. */
export const compileCondition = makeCompiler(always);

/** What a policy says. */
export const compilePolicy = makeCompiler([...always, 'params', 'namespaceObject', 'variables']);

/** Whether an expression can be read, and comes to what it must. */
export function checkExpression(
  path: string,
  source: string,
  compile: typeof compilePolicy,
  type?: 'bool' | 'string',
): FieldError[] {
  if (!source.trim()) return [];
  try {
    const found = compile(source).type;
    if (type === undefined || found === type || found === 'dyn') return [];
    return [invalid(path, source, `must evaluate to ${type}`)];
  } catch (error) {
    return [invalid(path, source, `compilation failed: ${(error as Error).message}`)];
  }
}
