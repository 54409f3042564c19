import { render } from 'preact';
import { App } from './app.js';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/operations.css';
import './styles/operation.css';
import './styles/log.css';
import './styles/pages.css';

render(<App />, document.getElementById('app')!);
