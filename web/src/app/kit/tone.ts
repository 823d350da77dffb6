export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'calm' | 'brand'
