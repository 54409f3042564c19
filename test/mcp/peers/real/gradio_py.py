"""Gradio as a peer: its API's functions are tools. Argument: port."""

import sys
import time

import gradio as gr


def echo(text: str) -> str:
    """Says it again"""
    return text


def count(to: float, every_ms: float, progress=gr.Progress()) -> str:
    """Counts with progress"""
    for n in range(1, int(to) + 1):
        progress((n, int(to)), desc=f"line {n}")
        time.sleep(every_ms / 1000)
    return f"counted to {int(to)}"


with gr.Blocks() as app:
    text, to, every_ms, result = gr.Textbox(), gr.Number(), gr.Number(), gr.Textbox()
    gr.Button().click(echo, text, result, api_name="echo")
    gr.Button().click(count, [to, every_ms], result, api_name="count")

app.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), mcp_server=True, ssr_mode=False, quiet=True)
