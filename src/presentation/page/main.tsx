import { render } from 'preact';
import { startStore } from './store/store.ts';
import './styles/base.css';
import './styles/layout.css';
import './styles/views.css';
import { App } from './views/app.tsx';

const root = document.getElementById('app');
if (root !== null) {
  startStore();
  render(<App />, root);
}
