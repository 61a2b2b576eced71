"""What the docs show."""

from __future__ import annotations

START = {
    "model": "hearth-nano",
    "training_file": "file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e",
    "name": "herd-records",
    "method": {"type": "supervised", "quantization": None},
    "hyperparameters": {"epochs": 3.0, "rank": 16},
    "workers": 1,
}
PARAMETERS = {
    "epochs": 3.0,
    "batch_size": None,
    "learning_rate": None,
    "multiplier": 1.0,
    "warmup": 0.05,
    "weight_decay": 0.0,
    "clip": 1.0,
    "rank": 16,
    "alpha": 32.0,
    "dropout": 0.0,
    "max_tokens": 2048,
    "overlong": "drop",
    "held_out": 0.1,
    "evaluations": 10,
    "patience": 3,
    "beta": 0.1,
    "gradient_checkpointing": False,
    "seed": 0,
    "search": None,
}
FIGURES = {"step": 20, "steps": 182, "epoch": 1.1, "tokens": 4224, "train_loss": 0.21, "tokens_per_s": 1830.0, "seconds": 2.31}
TUNING = {
    "id": "5f7a4e6b-8c2d-4f6a-8b0c-2d4e0b9e1d3c",
    "status": "running",
    "cancelling": False,
    "model": "hearth-nano",
    "name": "herd-records",
    "progress": {"done": 20, "total": 182, "unit": "steps", "stage": "training"},
    "attempt": 1,
    "created_at": "2026-11-30T07:12:00Z",
    "started_at": "2026-11-30T07:12:03Z",
    "finished_at": None,
    "method": START["method"],
    "hyperparameters": PARAMETERS,
    "metrics": FIGURES,
    "result": None,
    "error": None,
}
REQUEST = {
    "model": "hearth-nano",
    "training_file": START["training_file"],
    "suffix": "herd-records",
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
}
SHOWN = {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 1.0}
JOB = {
    "id": "ftjob-5f7a4e6b8c2d4f6a8b0c2d4e0b9e1d3c",
    "object": "fine_tuning.job",
    "created_at": 1764486720,
    "finished_at": 1764486800,
    "estimated_finish": None,
    "model": "hearth-nano",
    "fine_tuned_model": "hearth-nano:herd-records",
    "organization_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "status": "succeeded",
    "error": None,
    "hyperparameters": SHOWN,
    "method": {"type": "supervised", "supervised": {"hyperparameters": SHOWN}, "dpo": None, "quantization": None},
    "training_file": START["training_file"],
    "validation_file": None,
    "result_files": [],
    "trained_tokens": 38421,
    "seed": 0,
    "integrations": [],
    "metadata": None,
}
EVENT = {
    "id": "ftevent-5f7a4e6b8c2d4f6a8b0c2d4e0b9e1d3c-9",
    "object": "fine_tuning.job.event",
    "created_at": 1764486730,
    "level": "info",
    "message": "Step 20/182: training loss=0.2100, 1830 tokens/s",
    "type": "metrics",
    "data": FIGURES,
}
CHECKPOINT = {
    "id": "ftckpt-5f7a4e6b8c2d4f6a8b0c2d4e0b9e1d3c",
    "object": "fine_tuning.job.checkpoint",
    "created_at": 1764486800,
    "fine_tuned_model_checkpoint": JOB["fine_tuned_model"],
    "fine_tuning_job_id": JOB["id"],
    "metrics": {"step": 171, "train_loss": 0.02, "full_valid_loss": 0.03},
    "step_number": 171,
}
