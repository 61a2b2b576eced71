"""What Hearth costs and what it gives: `./hearth bench`. What is compared is measured side by side, in one run."""
