import { useEffect, useState } from 'preact/hooks';

/**
 * What stands in a field whose text becomes part of the address. While somebody types, the address lags behind the field
 * and must not overwrite it; otherwise (Back, a link) the field follows.
 */
export function useTypedText(
  current: string,
  field: { readonly current: HTMLInputElement | null },
): [string, (text: string) => void] {
  const [typed, setTyped] = useState(current);
  useEffect(() => {
    if (document.activeElement !== field.current) setTyped(current);
  }, [current]);
  return [typed, setTyped];
}
