/** Expressions in CEL, with the functions that Kubernetes adds, evaluated within a bound of time. */
import vm from 'node:vm';
import { Environment } from '@marcbachmann/cel-js';
import { Authority, authorityFunctions, Check, Decided, Group } from './authority.ts';
import { Address, Block, functions, Link, Quantity, Sets } from './functions.ts';

/** What an expression is given, by name. */
export type Variables = Readonly<Record<string, unknown>>;

export interface Expression {
  /** The type of what it comes to, as far as that is known: `dyn` when it is not. */
  readonly type: string;
  /** Throws Error with a sentence where it cannot be evaluated. */
  evaluate(variables: Variables): unknown;
}

/** Bounds on the size of one expression; upstream bounds what it may cost. */
const limits = { maxAstNodes: 10_000, maxDepth: 200 };

/** Reads expressions over variables of these names. */
export function makeCompiler(names: readonly string[]): (source: string) => Expression {
  let environment: Environment | undefined;
  return (source) => {
    const parsed = (environment ??= makeEnvironment(names)).parse(source);
    const checked = parsed.check();
    if (!checked.valid) throw new SyntaxError(summaryOf(checked.error));
    return {
      type: String(checked.type),
      evaluate(variables) {
        try {
          return parsed(variables) as unknown;
        } catch (error) {
          throw new Error(summaryOf(error), { cause: error });
        }
      },
    };
  };
}

function makeEnvironment(names: readonly string[]): Environment {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits });
  const types = [Quantity, Address, Block, Link, Sets, Authority, Check, Decided, Group];
  for (const type of types) environment.registerType(type.name, type);
  environment.registerConstant('sets', 'Sets', new Sets());
  for (const [signature, handler] of Object.entries({ ...functions, ...authorityFunctions }))
    environment.registerFunction(signature, handler as never);
  for (const name of names) environment.registerVariable(name, 'dyn');
  return environment;
}

/** The first line: what follows points into the source. */
function summaryOf(error: unknown): string {
  const { message } = error as Error;
  const [line = ''] = message.split('\n');
  return line.startsWith('No such key: ') ? line.replace('No such key', 'no such key') : line;
}

/** What an expression says, where that is a sentence of one line; undefined where it is not, or cannot be evaluated: another is told then. */
export function sentenceOf(expression: Expression, variables: Variables): string | undefined {
  try {
    const text = expression.evaluate(variables);
    return typeof text === 'string' && !text.includes('\n') ? text.trim() : undefined;
  } catch {
    return undefined;
  }
}

const context = vm.createContext({});
const script = new vm.Script('work()');

/** What runs longer than it may. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/** Runs `work`, and gives it up after `limitMs`: whoever writes the values decides how long an expression takes. Throws OutOfTime then. */
export function runWithin<T>(limitMs: number, work: () => T): T {
  const holder = context as { work?: () => T };
  holder.work = work;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new OutOfTime(`Cannot finish within ${limitMs} ms`, { cause: error });
    }
    throw error;
  } finally {
    delete holder.work;
  }
}
