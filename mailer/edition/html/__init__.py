"""Renders the HTML of an edition: once for all variants, with inlined styles.

Plaintext does not belong here, nor does the page around an edition on the web. Start with page.py; markdown_renderer.py
renders the text, node_markers.py and conditional_nodes.py keep the branches and merge fields apart.
"""
