# SPDX-License-Identifier: Apache-2.0
"""The training corpus of the fireside models: what it is made of, and how it is judged."""
