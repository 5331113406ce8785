import type { RegistryApplication, RegistryClient } from "../../../client/index.ts";
import type { ManifestFault } from "../../../manifest/manifest-fault.ts";
import { toYaml } from "../../../manifest/to-yaml.ts";
import { FlameError } from "../../../model/errors.ts";
import { withoutPlaces } from "./apply-documents.ts";
import { counted } from "./document-faults.ts";
import { type EditFault, editHeader, isBlank, withoutHeader } from "./edit-header.ts";
import type { EditedFile } from "./edited-file.ts";
import { SourceText } from "./source-texts.ts";
import { checkSources, type WrittenDocument } from "./written-documents.ts";

export interface EditDeps {
  readonly registry: Pick<RegistryClient, "apply">;
  /** As it was when the edit began: a later change is not overwritten. */
  readonly application: RegistryApplication;
  readonly file: EditedFile;
  readonly force: boolean;
}

/**
 * Edits until the text is applied or left as it was. The file goes, unless there is work in it that was not applied.
 * @returns `configured` or `unchanged`
 * @throws FlameError of an editor that failed, of faults that were left, of what the registry refused (aborted when
 * somebody else was faster); it names the file where the edited text is kept
 */
export async function editManifest(deps: EditDeps): Promise<string> {
  try {
    const outcome = await editRounds(deps);
    await deps.file.remove();
    return outcome;
  } catch (thrown) {
    throw await withKeptText(deps, FlameError.from(thrown));
  }
}

async function editRounds(deps: EditDeps): Promise<string> {
  const { application, file } = deps;
  const original = application.revision.manifest;
  let text = original;
  let faults: readonly EditFault[] = [];
  for (;;) {
    const before = text;
    await file.write(editHeader(application, faults) + before);
    await file.open();
    text = withoutHeader(await file.read());
    if (text === original || isBlank(text)) return "unchanged";
    if (text === before) {
      throw new FlameError("invalid_config", `${counted(faults.length, "fault")} left in the text`);
    }
    const documents = checkSources([new SourceText(file.path, text)]);
    faults = faultsOfEdit(documents, application.name);
    if (faults.length > 0) continue;
    const outcome = await applied(deps, documents);
    if (typeof outcome === "string") return outcome;
    faults = outcome.faults;
  }
}

/** What became of it; faults are those that only the cluster knows. */
async function applied(
  { registry, application, force }: EditDeps,
  [document]: readonly WrittenDocument[],
): Promise<string | { readonly faults: readonly EditFault[] }> {
  const { checked } = document as WrittenDocument;
  if (!checked.ok) throw new FlameError("internal", "a manifest with faults was to be applied");
  const manifest = toYaml(checked.name, checked.manifest);
  const expectedRevision = application.revision.number;
  try {
    const [result] = await registry.apply([{ manifest, expectedRevision }], { force });
    return result?.action ?? "unchanged";
  } catch (thrown) {
    const error = FlameError.from(thrown);
    if (error.code !== "invalid_argument") throw error;
    return { faults: [withoutPlaces(error.message)] };
  }
}

/** Every fault, and that it has to stay one application of that name. */
function faultsOfEdit(documents: readonly WrittenDocument[], name: string): readonly EditFault[] {
  const faults = documents.flatMap(({ checked }) => (checked.ok ? [] : checked.faults));
  const [first, second] = documents;
  if (second !== undefined) {
    const got = `${documents.length} documents`;
    faults.push(faultAt(second, { rule: "too-many-documents", path: "", got, expected: "one" }));
  } else if (first?.checked.name !== undefined && first.checked.name !== name) {
    faults.push(faultAt(first, renamed(first.checked.name, name)));
  }
  return faults;
}

type Placeless = Pick<ManifestFault, "rule" | "path" | "got" | "expected" | "hint">;

function faultAt({ place }: WrittenDocument, fault: Placeless): ManifestFault {
  return { ...fault, ...place, kind: "argument" };
}

function renamed(got: string, expected: string): Placeless {
  return {
    rule: "renamed",
    path: "metadata.name",
    got: JSON.stringify(got),
    expected: JSON.stringify(expected),
    hint: "a name cannot be changed: apply the new one from a file, then unregister the old one",
  };
}

/** The error, with where the text is kept if somebody has put work into it. */
async function withKeptText(
  { application, file }: EditDeps,
  error: FlameError,
): Promise<FlameError> {
  const text = await file.read().then(withoutHeader, () => undefined);
  if (text !== undefined && (text === application.revision.manifest || isBlank(text))) {
    await file.remove();
    return new FlameError(error.code, `${error.message}; nothing was changed`, { cause: error });
  }
  if (text !== undefined) await file.write(text);
  const kept = `nothing was changed, and your text is kept in ${file.path}`;
  return new FlameError(error.code, `${error.message}; ${kept}`, { cause: error });
}
