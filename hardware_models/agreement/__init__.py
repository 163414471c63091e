"""One description, many forms, run side by side on the same random steps; every single fault that tells them apart."""
