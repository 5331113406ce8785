import type { Command, Option } from "@commander-js/extra-typings";

/** What a shell needs to know about one option. */
export interface CompletedOption {
  /** Such as `-o` and `--output`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What follows it. */
  readonly value: "nothing" | "a file" | "anything";
  /** The values that there are, where they are known. */
  readonly choices: readonly string[];
}

/** One command; the program itself is the one without a name. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  /** Words that may follow it: the commands of the program, the kinds of a command. */
  readonly words: readonly { readonly text: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
}

export interface CompletionModel {
  readonly program: string;
  readonly commands: readonly CompletedCommand[];
}

/** Reads off a program what can stand on its command line, so that no list of it is kept by hand. */
export function completionModel(program: Command): CompletionModel {
  const root: CompletedCommand = {
    name: "",
    description: program.description(),
    words: program.commands.map((command) => ({
      text: command.name(),
      description: command.description(),
    })),
    options: optionsOf(program),
  };
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    words: wordsOf(command as Command),
    options: optionsOf(command as Command),
  }));
  return { program: program.name(), commands: [root, ...commands] };
}

function wordsOf(command: Command): CompletedCommand["words"] {
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  return choices.map((text) => ({ text, description: "" }));
}

function optionsOf(command: Command): CompletedOption[] {
  return command.createHelp().visibleOptions(command).map(completedOption);
}

function completedOption(option: Option): CompletedOption {
  const takesValue = option.required || option.optional;
  const file = /<(file|path)>$/.test(option.flags) ? "a file" : "anything";
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    description: option.description,
    value: takesValue ? file : "nothing",
    choices: option.argChoices ?? [],
  };
}
