"""The networks of the study, in Keras 3: autoencoders, one for each kind of particle."""
