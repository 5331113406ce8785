import type { CompletedCommand, CompletedOption, CompletionModel } from "./model.ts";
import { singleQuoted } from "./quoting.ts";

/** Bash: the words without their descriptions, which it cannot show. */
export function bashScript(model: CompletionModel): string {
  const { program, commands } = model;
  const list = (words: readonly string[]): string =>
    `COMPREPLY=($(compgen -W '${words.join(" ")}' -- "$current"))`;
  return `_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}"
${findCommand(model, { first: 1, words: "COMP_WORDS", index: "COMP_CWORD" })}
  COMPREPLY=()
${valueCases(model, {
  choices: (choices) => `${list(choices)}; return`,
  file: 'COMPREPLY=($(compgen -f -- "$current")); return',
  anything: "return",
})}
  case "$command:$current" in
${commands.map((command) => `    ${command.name}:-*) ${list(flagsOf(command))} ;;`).join("\n")}
${commands.map((command) => `    ${command.name}:*) ${list(firstWords(command))} ;;`).join("\n")}
  esac
}
complete -F _${program} ${program}
`;
}

/** Zsh: as a file of the function path or sourced. */
export function zshScript(model: CompletionModel): string {
  const { program, commands } = model;
  const described = (command: CompletedCommand): string =>
    [
      ...command.words.map(({ text, description }) => zshEntry(text, description)),
      ...command.options.flatMap(({ flags, description }) =>
        flags.map((flag) => zshEntry(flag, description)),
      ),
    ].join(" ");
  return `#compdef ${program}
_${program}() {
  local before="\${words[CURRENT - 1]}"
  local -a candidates
${findCommand(model, { first: 2, words: "words", index: "CURRENT" })}
${valueCases(model, {
  choices: (choices) => `candidates=(${choices.join(" ")}); _describe value candidates; return`,
  file: "_files; return",
  anything: "return",
})}
  case "$command" in
${commands.map((command) => `    '${command.name}') candidates=(${described(command)}) ;;`).join("\n")}
  esac
  _describe ${program} candidates
}
if [ "$funcstack[1]" = "_${program}" ]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}

/** Lines that put the command before the cursor into `$command`; empty while there is none. */
function findCommand(
  { commands }: CompletionModel,
  shell: { readonly first: number; readonly words: string; readonly index: string },
): string {
  const valued = (commands[0]?.options ?? []).filter(({ value }) => value !== "nothing");
  const flags = valued.flatMap((option) => option.flags).join("|");
  return `  local command="" i
  for ((i = ${shell.first}; i < ${shell.index}; i++)); do
    case "\${${shell.words}[i]}" in
      ${flags}) ((i += 1)) ;;
      -*) ;;
      *) command="\${${shell.words}[i]}"; break ;;
    esac
  done`;
}

interface ValueActions {
  readonly choices: (choices: readonly string[]) => string;
  readonly file: string;
  readonly anything: string;
}

/** A case for each option whose value stands at the cursor. */
function valueCases({ commands }: CompletionModel, actions: ValueActions): string {
  const action = ({ choices, value }: CompletedOption): string => {
    if (choices.length > 0) return actions.choices(choices);
    return value === "a file" ? actions.file : actions.anything;
  };
  const lines = commands.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== "nothing")
      .map((option) => {
        const patterns = option.flags.map((flag) => `${command.name}:${flag}`).join("|");
        return `    ${patterns}) ${action(option)} ;;`;
      }),
  );
  return `  case "$command:$before" in\n${lines.join("\n")}\n  esac`;
}

const flagsOf = ({ options }: CompletedCommand): string[] => options.flatMap(({ flags }) => flags);

function firstWords(command: CompletedCommand): string[] {
  return command.words.length > 0 ? command.words.map(({ text }) => text) : flagsOf(command);
}

function zshEntry(text: string, description: string): string {
  if (description === "") return singleQuoted(text);
  return singleQuoted(`${text}:${description.replaceAll(":", "\\:")}`);
}
