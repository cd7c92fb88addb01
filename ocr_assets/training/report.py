"""Queries for the pages of the training assets."""

MIXES = """
SELECT mix, rows, asked_rows, recipe, array_to_string(experiments, ', ') AS experiments, title FROM training_mixes ORDER BY mix
"""
BY_VERDICT = """
SELECT mix, language, coalesce(verdict, 'no verdict') AS verdict, count(*) AS rows FROM training_mix GROUP BY ALL
ORDER BY mix, language, rows DESC LIMIT 100
"""
PACKED = """
SELECT mix, examples, too_long, bins, tokens, loss_tokens, round(fill, 4) AS fill, max_length, base FROM packed_mixes ORDER BY mix
"""
LEFT_OUT = "SELECT mix, reason, count(*) AS rows FROM packed_sft WHERE reason IS NOT NULL GROUP BY ALL ORDER BY mix, rows DESC"
LENGTHS = "SELECT tokens FROM packed_sft WHERE tokens > 0 USING SAMPLE 20000 ROWS (reservoir, 1)"
MODELS = """
SELECT mix, steps, round(epochs, 2) AS epochs, first_loss, final_loss, resumed, round(seconds, 1) AS seconds, base, folder
FROM finetuned_model ORDER BY mix, created_at DESC
"""
# The curve of each mix's newest model, at most some hundred points each.
CURVES = """
SELECT m.mix, l.step, l.loss FROM training_loss l
JOIN (FROM finetuned_model QUALIFY row_number() OVER (PARTITION BY mix ORDER BY created_at DESC) = 1) m USING (model_id)
WHERE m.mix IN ({mixes}) AND l.step % greatest(m.steps // 300, 1) = 0 ORDER BY m.mix, l.step
"""
