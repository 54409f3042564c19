import { useState } from 'preact/hooks';
import { announce } from './announcer.js';

/** Puts text on the clipboard, and says so. @returns whether the browser allowed it */
export async function copyText(text: string, what: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    announce(`${what} copied`);
    return true;
  } catch {
    announce('The browser does not allow copying');
    return false;
  }
}

/** A command that can be copied with one click. */
export function Command({ text }: { readonly text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => setCopied(await copyText(text, 'Command'));
  return (
    <div class="command">
      <code>{text}</code>
      <button type="button" onClick={() => void copy()} aria-label="Copy the command">
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}
