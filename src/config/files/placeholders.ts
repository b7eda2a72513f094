// What stands for something else in a value of a configuration file, as in uWSGI:
//
//   %(name)        the first value of an option or a placeholder; %(a + 1), with + - * /
//   %d %n %p …     about the file (magic-variables.ts)
//   $(NAME)        a variable of the environment
//   @(path)        what a file contains, without the line end at its end
//   %%             a percent sign
//
// What was put in is not looked at again.

export interface Scope {
  /** What %(name) is, undefined: nothing. */
  placeholder(name: string): string | undefined
  /** What % and this letter are, undefined: themselves. */
  magic(letter: string): string | undefined
  variable(name: string): string | undefined
  /** @throws {Error} it cannot be read */
  contents(path: string): string
}

const TOKEN_RE =
  /%%|%\(([^()]*)\)|\$\(([A-Za-z_]\w*)\)|@\(((?:[^()]|[%$]\([^()]*\))+)\)|%([A-Za-z0-9[])/g
const SUM_RE = /^\s*([\w.-]+)((?:\s+[-+*/]\s+[\w.-]+)+)\s*$/

/**
 * @param keep leave what is unknown as it is: it means something to the option
 * @throws {Error} something that does not exist, with its name
 */
export function expand(text: string, scope: Scope, keep = false): string {
  return text.replace(
    TOKEN_RE,
    (whole, name?: string, variable?: string, path?: string, letter?: string) => {
      if (whole === '%%') return '%'
      if (letter !== undefined) return scope.magic(letter) ?? whole
      if (path !== undefined) return contents(expand(path, scope, keep), scope)
      const value =
        variable === undefined ? placeholder(String(name), scope) : scope.variable(variable)
      if (value !== undefined) return value
      if (keep) return whole
      throw new Error(
        variable === undefined ? `nothing sets %(${name})` : `the environment has no ${variable}`,
      )
    },
  )
}

function contents(path: string, scope: Scope): string {
  if (/^[a-z]+:\/\//.test(path)) throw new Error(`@(${path}): only files can be read`)
  return scope.contents(path).replace(/\r?\n$/, '')
}

function placeholder(expression: string, scope: Scope): string | undefined {
  const known = scope.placeholder(expression.trim())
  if (known !== undefined) return known
  const sum = SUM_RE.exec(expression)
  if (sum === null) return undefined
  let value = operand(sum[1], scope)
  for (const [, operator, name] of sum[2].matchAll(/\s+([-+*/])\s+([\w.-]+)/g)) {
    value = calculate(value, operator, operand(name, scope))
  }
  return Number.isFinite(value) ? String(Math.trunc(value)) : undefined
}

function operand(name: string, scope: Scope): number {
  return Number(/^\d+$/.test(name) ? name : (scope.placeholder(name) ?? Number.NaN))
}

/** From left to right, as uWSGI does it. */
function calculate(a: number, operator: string, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    default:
      return a / b
  }
}
