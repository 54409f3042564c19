import type { FormField } from './tool-form.js';
import { optionText } from './tool-form.js';

interface Props {
  readonly fields: readonly FormField[];
  readonly texts: Readonly<Record<string, string>>;
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (name: string, text: string) => void;
}

/** The fields of a form that was made from a JSON Schema. */
export function FormFields({ fields, texts, problems, onChange }: Props) {
  if (fields.length === 0) return <p class="muted">This tool takes no arguments.</p>;
  return (
    <>
      {fields.map((field) => (
        <label class="field" key={field.name}>
          <span>
            {field.label}
            {field.required && <span class="muted"> required</span>}
          </span>
          <Input
            field={field}
            text={texts[field.name] ?? ''}
            isWrong={problems[field.name] !== undefined}
            onChange={(text) => onChange(field.name, text)}
          />
          {problems[field.name] !== undefined && <span class="field-problem">{problems[field.name]}</span>}
          {field.description !== '' && <span class="muted">{field.description}</span>}
        </label>
      ))}
    </>
  );
}

interface InputProps {
  readonly field: FormField;
  readonly text: string;
  readonly isWrong: boolean;
  readonly onChange: (text: string) => void;
}

function Input({ field, text, isWrong, onChange }: InputProps) {
  const { kind, options, required } = field;
  if (kind === 'choice' || kind === 'boolean') {
    const values = kind === 'boolean' ? ['true', 'false'] : options.map(optionText);
    return (
      <select
        value={text}
        aria-invalid={isWrong}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        {(!required || kind === 'boolean') && (
          <option value="">{kind === 'boolean' && required ? 'false' : '—'}</option>
        )}
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    );
  }
  if (kind === 'json' || kind === 'long') {
    return (
      <textarea
        rows={3}
        spellcheck={kind === 'long'}
        placeholder={kind === 'json' ? 'JSON' : ''}
        value={text}
        aria-invalid={isWrong}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    );
  }
  return (
    <input
      inputMode={kind === 'text' ? 'text' : 'decimal'}
      value={text}
      aria-invalid={isWrong}
      onInput={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
}
