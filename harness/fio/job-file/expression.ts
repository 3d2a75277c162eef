import { ValueProblem } from './problem.ts';

/** Reads the number that begins at a place of a text: its value, and where it ends. */
export type NumberReader = (
  text: string,
  at: number,
) => { readonly value: number; readonly end: number };

type Operator = '+' | '-' | '*' | '/' | '%';

/**
 * Evaluates fio's arithmetic: `+ - * / %`, `^` for powers, a sign, and parentheses. Whole numbers
 * divide as whole numbers do.
 */
export function evaluate(text: string, readNumber: NumberReader): number {
  const parser = new ExpressionParser(text, readNumber);
  return parser.parse();
}

class ExpressionParser {
  readonly #text: string;
  readonly #readNumber: NumberReader;
  #at = 0;

  constructor(text: string, readNumber: NumberReader) {
    this.#text = text;
    this.#readNumber = readNumber;
  }

  parse(): number {
    const value = this.#sum();
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#problem();
    if (!Number.isFinite(value)) throw this.#problem();
    return value;
  }

  #sum(): number {
    let value = this.#product();
    for (let sign = this.#take('+-'); sign !== undefined; sign = this.#take('+-')) {
      value = applied(sign, value, this.#product());
    }
    return value;
  }

  #product(): number {
    let value = this.#power();
    for (let sign = this.#take('*/%'); sign !== undefined; sign = this.#take('*/%')) {
      value = applied(sign, value, this.#power());
    }
    return value;
  }

  /** Powers bind from the right. */
  #power(): number {
    const base = this.#atom();
    return this.#takeChar('^') ? base ** this.#power() : base;
  }

  #atom(): number {
    if (this.#takeChar('-')) return -this.#atom();
    if (this.#takeChar('+')) return this.#atom();
    if (this.#takeChar('(')) {
      const value = this.#sum();
      if (!this.#takeChar(')')) throw this.#problem();
      return value;
    }
    this.#skipBlanks();
    if (!/\d/.test(this.#text[this.#at] ?? '')) throw this.#problem();
    const { value, end } = this.#readNumber(this.#text, this.#at);
    this.#at = end;
    return value;
  }

  #take(operators: string): Operator | undefined {
    for (const operator of operators) if (this.#takeChar(operator)) return operator as Operator;
    return undefined;
  }

  #takeChar(char: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #problem(): ValueProblem {
    return new ValueProblem(
      `"${this.#text}" is no arithmetic expression`,
      'use whole numbers with + - * / % ^ and parentheses',
    );
  }
}

function applied(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return Math.trunc(left / right);
    case '%':
      return left % right;
  }
}
