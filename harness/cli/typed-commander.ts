import * as commander from 'commander';
import type * as typed from '@commander-js/extra-typings';

/**
 * Commander with the types of @commander-js/extra-typings, which infers the options of a command.
 * Only its types are used, so that what is shipped does not need the package.
 */
const { Argument, Command, Option } = commander as unknown as typeof typed;

export { Argument, Command, Option };
export { CommanderError, InvalidArgumentError } from 'commander';

export type TypedCommand<
  Args extends unknown[],
  Options extends typed.OptionValues,
> = typed.Command<Args, Options>;
