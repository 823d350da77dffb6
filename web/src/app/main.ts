import { mount } from 'svelte'
import App from './App.svelte'
import { watchBattery } from './battery'
import { wake } from './home.svelte'
import './style/tokens.css'
import './style/base.css'
import { watchForUpdates } from './update.svelte'
import { spoken, speak } from './words.svelte'

watchBattery()
await speak(spoken())
await wake()
mount(App, { target: document.getElementById('app')! })
watchForUpdates()
