"""Runs of graphs, carried on: each graph becomes a LangGraph graph, every visit of a node a step that is never done twice.

    runner.py claims a run -> driving.py drives it -> compiling.py makes it a LangGraph graph -> visiting.py visits a node -> nodes/ do it

The rows of cluster/graphs are the truth. A process that dies in the middle leaves a run that another goes on with: at its latest
checkpoint, and with what its steps had done by then.
"""
