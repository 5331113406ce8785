import type { CompletedCommand, CompletedOption, CompletionModel } from "./model.ts";
import { doubledQuotes, fishQuoted } from "./quoting.ts";

/** Fish: one line per word and option. */
export function fishScript({ program, commands }: CompletionModel): string {
  const lines = commands.flatMap((command) => {
    const at =
      command.name === ""
        ? "__fish_use_subcommand"
        : fishQuoted(`__fish_seen_subcommand_from ${command.name}`);
    const begin = `complete -c ${program} -n ${at}`;
    return [
      ...command.words.map(
        ({ text, description }) => `${begin} -f -a ${text}${fishDescription(description)}`,
      ),
      ...command.options.map((option) => `${begin}${fishOption(option)}`),
    ];
  });
  return `${lines.join("\n")}\n`;
}

function fishOption({ flags, description, value, choices }: CompletedOption): string {
  const names = flags.map((flag) =>
    flag.startsWith("--") ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  );
  const values = choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(" "))}` : " -x";
  const after = { nothing: " -f", "a file": " -r -F", anything: values }[value];
  return `${names.join("")}${after}${fishDescription(description)}`;
}

function fishDescription(description: string): string {
  return description === "" ? "" : ` -d ${fishQuoted(description)}`;
}

/** PowerShell: words and options of the command, with their descriptions. */
export function powershellScript({ program, commands }: CompletionModel): string {
  const result = ({ text, description }: Candidate): string => {
    const word = doubledQuotes(text);
    const tip = doubledQuotes(description === "" ? text : description);
    return `            [CompletionResult]::new(${word}, ${word}, [CompletionResultType]::ParameterValue, ${tip})`;
  };
  const cases = commands.map((command) => {
    const results = candidates(command).map(result).join("\n");
    return `        ${doubledQuotes(command.name)} {\n${results}\n            break\n        }`;
  });
  return `using namespace System.Management.Automation
Register-ArgumentCompleter -Native -CommandName ${doubledQuotes(program)} -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $command = ''
    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
        $word = $element.Extent.Text
        if ($word.StartsWith('-') -or $word -eq $wordToComplete) { break }
        $command = $word
        break
    }
    $completions = @(switch ($command) {
${cases.join("\n")}
    })
    $completions.Where({ $_.CompletionText -like "$wordToComplete*" })
}
`;
}

/** Elvish: words and options of the command, with their descriptions. */
export function elvishScript({ program, commands }: CompletionModel): string {
  const line = ({ text, description }: Candidate): string =>
    `      candidate ${doubledQuotes(text)} ${doubledQuotes(description)}`;
  const entries = commands.map(
    (command) =>
      `    &${doubledQuotes(command.name)}= {\n${candidates(command).map(line).join("\n")}\n    }`,
  );
  return `use str
set edit:completion:arg-completer[${program}] = {|@words|
  fn candidate {|text description|
    edit:complex-candidate $text &display=$text' '$description
  }
  var command = ''
  if (> (count $words) 2) {
    if (not (str:has-prefix $words[1] '-')) { set command = $words[1] }
  }
  var completions = [
${entries.join("\n")}
  ]
  if (has-key $completions $command) { $completions[$command] }
}
`;
}

interface Candidate {
  readonly text: string;
  readonly description: string;
}

function candidates({ words, options }: CompletedCommand): readonly Candidate[] {
  const flags = options.flatMap((option) =>
    option.flags.map((text) => ({ text, description: option.description })),
  );
  return [...words, ...flags];
}
