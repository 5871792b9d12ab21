"""Every symbol of the labelled equations, defined once: Python name, LaTeX, meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Basic, Symbol


@dataclass(frozen=True)
class Definition:
    """One symbol: its sympy object, LaTeX and meaning (unit in brackets)."""

    symbol: Symbol
    latex: str
    meaning: str


DEFINITIONS: dict[str, Definition] = {}
SYMBOL_LATEX: dict[Basic, str] = {}


def _define(name: str, latex: str, meaning: str, **assumptions: bool) -> Symbol:
    if name in DEFINITIONS:
        raise ValueError(f"symbol {name} is defined twice")
    symbol = Symbol(name, **(assumptions or {"positive": True}))
    DEFINITIONS[name] = Definition(symbol, latex, meaning)
    SYMBOL_LATEX[symbol] = latex
    return symbol


def _real(name: str, latex: str, meaning: str) -> Symbol:
    return _define(name, latex, meaning, real=True)


# Statistical learning
n_beta = _define("n_beta", r"(n\beta)", "sample size times inverse temperature [1/loss]")
temperature = _define("temperature", "T", "temperature 1/(n beta) [loss]")
loss = _real("loss", r"L_\alpha", "loss at the minimum of the phase [loss]")
phase_free_energy = _real("phase_free_energy", r"F_\alpha", "free energy of a phase [1]")
phase_energy = _real("phase_energy", r"E_\alpha", "mean of n beta (loss - loss of the phase) inside the phase [1]")
learning_coefficient = _define("learning_coefficient", r"\lambda", "learning coefficient of the phase [1]")
multiplicity = _define("multiplicity", "m", "multiplicity of the learning coefficient [1]")
free_energy_constant = _real("free_energy_constant", "C", "term of the free energy that stays as n beta grows [1]")
pole_coefficient = _define(
    "pole_coefficient", r"c_m", "coefficient of (z + lambda)^(-m) in the zeta function at its largest pole"
)
next_pole_coefficient = _real("next_pole_coefficient", r"c_{m-1}", "coefficient of (z + lambda)^(1-m) at the same pole")
energy_offset = _real("energy_offset", "c", "constant beside log(n beta) in the energy law [1]")
prior_density = _define("prior_density", r"\varphi_0", "prior density at the minimum [1/volume]")
zeta = _define("zeta", r"\zeta(z)", "zeta function: integral of loss^z times the prior")
zeta_argument = _define("zeta_argument", "z", "argument of the zeta function [1]")
crossing_half_orders = tuple(
    _define(f"crossing_half_order_{j}", f"k_{j}", f"half the power of |w_{j}| in the loss [1]") for j in (1, 2, 3)
)
prior_exponents = tuple(
    _define(f"prior_exponent_{j}", f"h_{j}", f"power of |w_{j}| in the prior [1]", nonnegative=True) for j in (1, 2, 3)
)
kink_order_left = _define("kink_order_left", "k_-", "power of the distance by which the loss rises on the left [1]")
kink_order_right = _define("kink_order_right", "k_+", "power of the distance by which it rises on the right [1]")
loss_difference = _define(
    "loss_difference", r"\Delta L", "loss of one phase minus that of the other [loss]", nonzero=True, real=True
)
learning_coefficient_difference = _define(
    "learning_coefficient_difference",
    r"\Delta\lambda",
    "difference of the learning coefficients [1]",
    nonzero=True,
    real=True,
)
border_bend = _real("border_bend", "a_b", "of a basin's border near a saddle, y = a_b x^2 [1/length]")
border_curvature = _define("border_curvature", "h_e", "curvature of the loss along the border [loss/length^2]")
crossing_curvature = _define(
    "crossing_curvature", "h_n", "curvature of the loss across the border [loss/length^2]", negative=True
)
border_coupling = _real("border_coupling", "g", "third derivative of the loss, twice along and once across it")
free_energy_constant_difference = _real(
    "free_energy_constant_difference", r"\Delta C", "difference of the constants [1]"
)
crossover_n_beta = _define("crossover_n_beta", r"x^*", "n beta at which two phases weigh the same [1/loss]")

# Kinetics
coordinate = _real("coordinate", "w", "coordinate")
start = _real("start", "x", "where a path starts")
reflecting_end = _real("reflecting_end", "a_0", "reflecting end of the interval")
absorbing_end = _real("absorbing_end", "b_0", "absorbing end of the interval, where the path has arrived")
mean_first_passage_time = _define(
    "mean_first_passage_time", r"\tau", "mean time to reach the absorbing end [Langevin time]"
)
escape_rate = _define("escape_rate", "r", "escapes from the well per Langevin time, 1/(mean first passage time)")
barrier_height = _define("barrier_height", r"\Delta L_\ddagger", "loss at the barrier minus loss at the minimum [loss]")
well_integral = _define("well_integral", r"I_\alpha", "integral of exp(-(L - L_alpha)/T) over the well [length]")
well_half_order = _define("well_half_order", "k", "the well rises like |w|^(2k) [1]")
well_coefficient = _define("well_coefficient", "a", "coefficient of |w|^(2k) in the well [loss/length^(2k)]")
barrier_half_order = _define("barrier_half_order", "j", "the barrier falls like |w|^(2j) [1]")
barrier_coefficient = _define("barrier_coefficient", "b", "coefficient of -|w|^(2j) at the barrier [loss/length^(2j)]")
well_curvature = _define("well_curvature", r"h_\alpha", "second derivative of the loss in the well [loss/length^2]")
barrier_curvature = _define(
    "barrier_curvature",
    r"h_\ddagger",
    "minus the second derivative at the barrier, at a saddle along its unstable direction [loss/length^2]",
)
well_determinant = _define(
    "well_determinant", r"D_\alpha", "determinant of the Hessian at the minimum [(loss/length^2)^d]"
)
saddle_determinant = _define(
    "saddle_determinant", r"|D_\ddagger|", "minus the determinant of the Hessian at the saddle [(loss/length^2)^d]"
)
barrier_learning_coefficient = _define(
    "barrier_learning_coefficient",
    r"\lambda_\ddagger",
    "learning coefficient of minus the loss at the barrier, 1/(2j) [1]",
)
well_linear_correction = _real(
    "well_linear_correction", "c_1", "well: loss = a w^(2k) (1 + c_1 w + c_2 w^2 + ...) [1/length]"
)
well_quadratic_correction = _real(
    "well_quadratic_correction", "c_2", "second coefficient in the same bracket [1/length^2]"
)
barrier_linear_correction = _real(
    "barrier_linear_correction", "d_1", "barrier: loss = -b w^(2j) (1 + d_1 w + d_2 w^2 + ...) [1/length]"
)
barrier_quadratic_correction = _real(
    "barrier_quadratic_correction", "d_2", "second coefficient in the same bracket [1/length^2]"
)
kramers_correction = _real(
    "kramers_correction", r"\kappa", "coefficient of (T/a)^(1/k) in the relative correction of the well integral"
)
mean_first_passage_ratio = _define(
    "mean_first_passage_ratio", "R", "mean first passage time over its singular Eyring-Kramers value [1]"
)
rate_temperature_power = _real(
    "rate_temperature_power", "s", "power of the temperature in front of the escape rate [1]"
)

# Growth at infinity
growth_amount = _define("growth_amount", "a_p", "amount of the power that the loss is at least [loss/length^p]")
growth_power = _define("growth_power", "p", "power of |w|, or under the logarithm, that the loss is at least [1]")
growth_constant = _real("growth_constant", "b", "what is taken off that power in the lower bound of the loss [loss]")
loss_level = _real("loss_level", r"\ell", "level above which every point of a set lies [loss]")
tail_share = _define("tail_share", "s", "share of the weight that is left to the lower bound, at most 1 [1]")
mass_above = _define("mass_above", r"M_\ell", "largest integral of exp(-L/T) over points above a level [volume]")
growth_integral = _define("growth_integral", "Z_p", "integral of (1 + |w|^p)^(-a/T) over the line [1]")

# Stochastic gradient descent
learning_rate = _define("learning_rate", r"\eta", "learning rate [length^2/loss per step]")
batch_size = _define("batch_size", "B", "examples in a minibatch [examples]")
momentum = _define("momentum", r"\mu", "momentum, 0 <= momentum < 1 [1]", nonnegative=True)
gradient_variance = _define(
    "gradient_variance", r"\sigma^2", "variance of one example's gradient, per coordinate [loss^2/length^2]"
)
dataset_size = _define("dataset_size", "N", "examples in the training set [examples]")
curvature = _define("curvature", "h", "second derivative of the loss in a quadratic well [loss/length^2]")
quadratic_temperature = _define(
    "quadratic_temperature",
    r"T_h",
    "curvature times stationary variance: the temperature a quadratic well feels [loss]",
)
epoch_time = _define("epoch_time", r"t_1", "Langevin time that passes in one epoch [length^2/loss]")
step_size = _define("step_size", r"\epsilon", "step of w <- w - (step n beta/2) grad L + sqrt(step) noise [length^2]")
time_step = _define("time_step", r"\Delta t", "Euler step of the Langevin equation [Langevin time]")
measured_energy = _define("measured_energy", r"\hat E_h", "mean of n beta h w^2/2 under the discretised dynamics [1]")
stationary_variance = _define("stationary_variance", r"V", "stationary variance of a coordinate [length^2]")
rare_probability = _define("rare_probability", "q", "probability of the larger of two sizes of a step's noise [1]")
small_square = _define("small_square", "a", "square of the smaller of two sizes, for noise of variance 1 [1]")
noise_fourth_moment = _define("noise_fourth_moment", r"\mu_4", "fourth moment of noise of variance 1 [1]")
excess_kurtosis = _real("excess_kurtosis", r"K/V^2", "fourth cumulant over the square of the variance [1]")
mean_bias = _real("mean_bias", r"b_f", "a scheme's stationary mean of a function f minus the exact one [f]")
mean_slope_product = _real("mean_slope_product", r"\langle\nabla L\cdot\nabla f\rangle", "mean of grad L times grad f")
slope_covariance = _real(
    "slope_covariance", r"\langle f;|\nabla L|^2\rangle", "covariance of f and the squared gradient of the loss"
)
localisation = _define("localisation", r"\gamma_*", "strength of the pull (localisation/2)|w - w*|^2 [1/length^2]")
localisation_effect = _define(
    "localisation_effect", r"\Delta_\gamma", "rise of the measured energy without localisation [1]"
)
minibatch_variance = _define("minibatch_variance", r"\Sigma_B", "variance of n beta times its gradient [1/length^2]")
minibatch_excess = _define("minibatch_excess", r"\Delta_B", "rise of the measured energy by minibatch noise [1]")
slope_at_start = _real("slope_at_start", r"g_*", "derivative of the loss where chains start [loss/length]")
start_excess = _define("start_excess", r"\Delta_*", "n beta times the start's height above the minimum [1]")
curvature_at_start = _real(
    "curvature_at_start", r"h_*", "second derivative of the loss where chains start, of either sign [loss/length^2]"
)
tilted_energy = _real("tilted_energy", r"\hat E_g", "mean of n beta (L - L(w*)) about a point on a slope [1]")
untilted_energy = _real("untilted_energy", r"\hat E_0", "the same of the loss without its slope at the point [1]")
tilt_effect = _real("tilt_effect", r"\Delta_g", "untilted less tilted energy: what the slope takes [1]")

# Schedules and the end of the critical period
initial_learning_rate = _define("initial_learning_rate", r"\eta_0", "learning rate at epoch 0 [length^2/loss per step]")
decay = _define("decay", r"\gamma", "factor on the learning rate per epoch, 0 < decay < 1 [1]")
other_decay = _define("other_decay", r"\gamma'", "the same of another run, 0 < other_decay < 1 [1]")
epoch = _define("epoch", "e", "epoch at which the deficit ends [epochs]", nonnegative=True)
scaling_variable = _define("scaling_variable", r"\theta", "decay^epoch / batch size [1/examples]")
critical_scaling_variable = _define(
    "critical_scaling_variable", r"\theta^*", "scaling variable at which recovery fails [1/examples]"
)
remaining_langevin_time = _define(
    "remaining_langevin_time",
    r"t_\infty",
    "Langevin time from epoch e to the end of an endless schedule [Langevin time]",
)
critical_period_end = _real("critical_period_end", r"e^*", "epoch at which the critical period ends [epochs]")
epoch_offset = _real("epoch_offset", r"e_0", "end of the critical period extrapolated to batch size 1 [epochs]")
epochs_per_halving = _define("epochs_per_halving", r"\Delta e^*", "shift of e* when the batch size is halved [epochs]")
schedule_power = _define("schedule_power", "p", "learning rate = initial rate * (1 + epoch)^(-p) [1]")
critical_temperature = _define("critical_temperature", r"T^*", "temperature at which recovery fails [loss]")
attempt_rate = _define("attempt_rate", r"r_0", "escape rate = r_0 T^s exp(-barrier/T) [1/(Langevin time loss^s)]")
critical_hazard = _define(
    "critical_hazard", r"\Lambda", "expected number of escapes at the critical point, ln 2 for half the mass [1]"
)
flow_time = _define(
    "flow_time", r"t_c", "gradient flow time that decides under the flow-time hypothesis [Langevin time]"
)
examples_coefficient = _define(
    "examples_coefficient", r"c_n", "temperature = c_n / (batch size * examples seen) [loss examples^2]"
)

# Sampling without replacement, fluctuation-dissipation, discretisation
steps_per_epoch = _define("steps_per_epoch", "M", "minibatches in an epoch, N/B, at least 2 [1]")
steps_into_epoch = _define("steps_into_epoch", "t", "steps done in the present epoch [1]", nonnegative=True)
temperature_factor = _define(
    "temperature_factor", "f", "curvature times stationary variance over T, mean over the steps of an epoch [1]"
)
position_factor = _define("position_factor", "f_t", "the same t steps into an epoch [1]")
gradient_second_moment = _define(
    "gradient_second_moment", r"\mathrm{tr} \tilde C", "mean squared norm of the minibatch gradient [loss^2/length^2]"
)
velocity_second_moment = _define(
    "velocity_second_moment", r"\langle v\cdot v\rangle", "mean squared norm of the velocity [loss^2/length^2]"
)
virial = _real("virial", r"\langle w\cdot\nabla L\rangle", "stationary mean of w . grad L [loss]")
next_coordinate = _real("next_coordinate", "w'", "coordinate after one step")
loss_slope = _real("loss_slope", "L'", "derivative of the loss where the step is made [loss/length]")
step_noise = _define("step_noise", "s", "standard deviation of a minibatch's gradient there [loss/length]")
step_density = _define("step_density", r"k_\eta", "density of where one step ends, given where it starts [1/unit]")
momentum_buffer = _real("momentum_buffer", "v", "momentum buffer [loss/length]")
next_momentum_buffer = _real("next_momentum_buffer", "v'", "momentum buffer after one step [loss/length]")
noise_so_far = _real(
    "noise_so_far", "S", "sum of the noise of an epoch's steps so far over one minibatch's sigma/sqrt(B) [1]"
)
steps_left = _define("steps_left", r"\ell", "steps of the epoch still to come, M - t [1]")
bridge_mean = _real("bridge_mean", r"\langle u\rangle", "mean of the next step's noise in the same unit [1]")
bridge_variance = _define("bridge_variance", r"\mathrm{var}\,u", "its variance [1]", nonnegative=True)
inertia = _define("inertia", r"m_\mu", "mass of heavy-ball SGD at unit friction [Langevin time]")
transmission_factor = _define(
    "transmission_factor", r"\kappa_m", "escape rate with inertia over the overdamped one [1]"
)
monomial_energy = _define(
    "monomial_energy", r"\hat E_{2k}", "mean of n beta a |w|^(2k) under the Euler scheme, to first order [1]"
)

# Other schedules, finite horizons, rival arms, barrier spectra
hazard_per_epoch = _define("hazard_per_epoch", r"\ell", "expected number of escapes in one epoch [1/epoch]")
total_epochs = _define("total_epochs", "E_t", "epochs of the whole run [epochs]")
stage_epochs = _define("stage_epochs", "D", "epochs between two drops of the learning rate [epochs]")
stage_end = _define("stage_end", r"e_\downarrow", "epoch at which the present stage ends [epochs]")
later_hazard = _define(
    "later_hazard", r"\Lambda_>", "expected number of escapes after the present stage [1]", nonnegative=True
)
reduced_barrier = _define(
    "reduced_barrier", r"x_\ddagger", "barrier height over the temperature at the end of the critical period [1]"
)
horizon_shift = _real("horizon_shift", r"\delta e^*", "shift of e* because the run ends [epochs]")
endless_critical_period_end = _define(
    "endless_critical_period_end", r"e^*_\infty", "e* if the schedule were followed for ever [epochs]"
)
temperature_ratio = _define("temperature_ratio", r"q_T", "temperature in the arm over that in the control run [1]")
clock_ratio = _define("clock_ratio", r"q_t", "Langevin time per epoch in the arm over that in the control run [1]")
epoch_stretch = _define("epoch_stretch", r"q_e", "epochs of the arm per epoch of the control run [1]")
arm_shift = _real("arm_shift", r"\Delta_a e^*", "shift of e* in the arm, in epochs of the control run")
added_noise = _define(
    "added_noise", r"\tau^2", "variance of noise added to the minibatch gradient, per coordinate", nonnegative=True
)
learning_rate_halvings = _real(
    "learning_rate_halvings", r"H_\eta", "halvings of the learning rate by the end of the critical period [1]"
)
equi_temperature_slope = _define(
    "equi_temperature_slope", r"\chi_B", "halvings of the learning rate per halving of the batch size at e* [1]"
)
noise_batch_exponent = _real(
    "noise_batch_exponent", "a_B", "power of the batch size that the measured gradient variance follows [1]"
)
noise_epoch_rate = _real(
    "noise_epoch_rate", "a_e", "growth of the logarithm of the measured gradient variance per epoch [1/epochs]"
)
end_shift = _define("end_shift", r"\frac{de^*}{d\ln B}", "shift of e* per e-fold of the batch size [epochs]", real=True)
memory_rate = _define(
    "memory_rate", "c^2", "squared input of the weight that learns one example by heart [loss/length^2]"
)
memorised_variance = _define(
    "memorised_variance", r"\sigma^2_m", "gradient variance left when examples are learned by heart [loss^2/length^2]"
)
temperature_drift = _define(
    "temperature_drift", r"\frac{d\ln T^*}{d\ln\sigma^2}", "power of the gradient variance that T* follows [1]"
)
escapes_left = _define("escapes_left", r"\Lambda_\sigma", "escapes that a stuck run has still to come [1]")
sliding_barrier = _define(
    "sliding_barrier", r"\Delta L^\dagger", "barrier that one escape is expected to cross after epoch e [loss]"
)
kernel_width = _define("kernel_width", r"\kappa_G", "width of the stuck probability in the barrier height [loss]")
stuck_probability = _define("stuck_probability", r"P_{\mathrm{stuck}}", "probability to end in the deficit phase [1]")
barrier_density = _define("barrier_density", r"\rho", "density of barrier heights [1/loss]")
decline_slope = _define("decline_slope", "S'", "slope of the mean stuck probability in the epoch [1/epoch]")
resolution_epochs = _define(
    "resolution_epochs", r"\Delta_G e", "standard deviation in epochs of one subsystem's decline [epochs]"
)
barrier_separation = _define(
    "barrier_separation", r"\delta_\ddagger", "smallest distance of two barriers that are told apart [loss]"
)
relative_noise = _define(
    "relative_noise", r"\varepsilon", "standard error of one point of the decline over the weight of both barriers [1]"
)
points_per_width = _define(
    "points_per_width", r"M_G", "points of the decline while the sliding barrier moves by one kernel width [1]"
)
detection_size = _define(
    "detection_size", r"z_\Sigma", "standard errors at which a difference is called found, level and power together [1]"
)

# Drawing from exp(-L/T): conditional distributions, walls, replica exchange
linear_coefficient = _real(
    "linear_coefficient", "a_1", "coefficient of w in the loss, the other coordinates fixed [loss/length]"
)
quadratic_coefficient = _define(
    "quadratic_coefficient", "a_2", "coefficient of w^2 in the loss, the other coordinates fixed [loss/length^2]"
)
conditional_mean = _real("conditional_mean", r"\bar w", "mean of w given the other coordinates [length]")
conditional_variance = _define(
    "conditional_variance", r"\sigma_w^2", "variance of w given the other coordinates [length^2]"
)
wall_slope = _define("wall_slope", "q_1", "slope of loss/temperature at the wall [1/length]", nonnegative=True)
wall_bend = _define("wall_bend", "q_2", "coefficient of y^2 in loss/temperature at distance y of the wall [1/length^2]")
proposal_rate = _define(
    "proposal_rate", "r_y", "rate of the exponential law that distances are proposed from [1/length]"
)
proposal_acceptance = _define("proposal_acceptance", r"\alpha_y", "share of proposed distances that are accepted [1]")
cold_temperature = _define("cold_temperature", "T_a", "the lower of two temperatures [loss]")
hot_temperature = _define("hot_temperature", "T_b", "the higher of two temperatures [loss]")
inverse_temperature_gap = _define("inverse_temperature_gap", r"\Delta", "1/T_a - 1/T_b [1/loss]")
energy_deviation = _define("energy_deviation", r"\sigma_L", "standard deviation of the loss at one temperature [loss]")
mean_energy_difference = _define(
    "mean_energy_difference",
    r"\langle|L-L'|\rangle",
    "mean distance of the losses of two independent draws at one temperature [loss]",
)
swap_acceptance = _define("swap_acceptance", "A", "share of swaps accepted between two temperatures [1]")
swap_rejection = _define("swap_rejection", r"\varrho", "share of swaps rejected between two temperatures, 1 - A [1]")
communication_barrier = _define(
    "communication_barrier", r"\Lambda_T", "swaps rejected between two temperatures by all of many steps together [1]"
)
rejection_odds = _define(
    "rejection_odds", "S_A", "sum of (1 - A)/A over the pairs of neighbouring temperatures [1]", nonnegative=True
)
draws_waited = _define("draws_waited", r"N_w", "expected draws that chains wait in a phase, over a run [1]")
start_waits = _define(
    "start_waits", r"\Sigma_0", "expected draws until a chain is seen beyond the level, summed over starts of waits [1]"
)
cut_waits = _define("cut_waits", r"\Sigma_1", "the same, summed over waits that the run's end cuts off [1]")
round_trip_rate = _define(
    "round_trip_rate", r"\nu", "round trips of all configurations of a ladder for each round of swaps [1]"
)
# Mixtures of mechanisms
stuck_share = _define("stuck_share", "p_i", "share of the runs of a cell that end stuck [1]")
mechanism_share = _define("mechanism_share", "f", "share of the runs whose fate a mechanism decides [1]")
share_by_mechanism = _define("share_by_mechanism", "P_i", "stuck share of the runs that the mechanism decides [1]")
share_by_rest = _define("share_by_rest", "Q_i", "stuck share of all other runs [1]")
first_stuck_share = _define("first_stuck_share", "p_0", "stuck share at the start of an epoch [1]")
rate_out = _define("rate_out", "k", "rate out of the state that the present data do not favour [1/Langevin time]")
rate_ratio = _define("rate_ratio", r"\rho_k", "rate back into that state over the rate out of it [1]")
resting_difference = _define("resting_difference", "c_e", "energy of the stuck state over the other's [loss]")
apparent_difference = _define(
    "apparent_difference", r"\tilde c_e", "the same, as the share of stuck runs tells it [loss]"
)
share_information = _define("share_information", r"I_f", "Fisher information of all counts about a share [1]")
first_weight, second_weight = (
    _define(f"{name}_weight", f"W_{k}", f"runs over p (1 - p) of the {name} cell [1]")
    for k, name in ((1, "first"), (2, "second"))
)
first_contrast, second_contrast = (
    _define(f"{name}_contrast", f"d_{k}", f"slope of the {name} cell's stuck share in f [1]", real=True)
    for k, name in ((1, "first"), (2, "second"))
)
first_nuisance, second_nuisance = (
    _define(f"{name}_nuisance", f"q_{k}", f"its slope in another parameter, in the {name} cell [1]", real=True)
    for k, name in ((1, "first"), (2, "second"))
)

# Models whose critical period has another cause
elapsed_time = _define("elapsed_time", "t_e", "flow (Langevin) time since the start of a stage")
variance_off_saddle = _define("variance_off_saddle", "V_s", "variance of the coordinate that leads off a saddle")
passage_time = _define("passage_time", r"t_p", "flow time from one side of the bottleneck to the other [flow time]")
bottleneck_drive = _define("bottleneck_drive", r"v_b", "speed at the narrowest place [length/flow time]")
bottleneck_curving = _define("bottleneck_curving", "c_b", "speed gained per squared distance from it")
saddle_curvature = _define("saddle_curvature", r"h_s", "minus the second derivative at the saddle [1/flow time]")
initial_variance = _define("initial_variance", "V_0", "variance at the start", nonnegative=True)
# Insight: a gate that regularisation holds shut
gate_penalty = _define("gate_penalty", r"\lambda_1", "strength of the L1 penalty on a gate [loss]")
cue_pull = _define("cue_pull", "c_r", "what a cue and the residual error pull at the gate with, per weight [loss]")
parameter_noise = _define("parameter_noise", r"\sigma_\theta", "noise of a parameter in one step, standard deviation")
scaled_weight = _real("scaled_weight", "u", "weight behind the gate over the weight that opens it [1]")
gate_drift = _real("gate_drift", r"\bar\mu_u", "mean drift of the scaled weight per step, over its noise's square")
insight_time = _define("insight_time", r"\bar\tau_I", "mean steps until the gate opens, from a weight of 0 [steps]")

# Generalisation of a linear student: errors in units of the variance of the answers' noise
examples_per_input = _define("examples_per_input", r"\alpha_P", "examples over inputs, P/N [1]")
mode_curvature = _define("mode_curvature", r"\lambda_h", "eigenvalue of X X^T, inputs of variance 1/N [1/flow time]")
spectral_density = _define("spectral_density", r"\rho", "density of eigenvalues per input [flow time]")
signal_to_noise = _define("signal_to_noise", "S_w", "variance of the teacher's weights over that of the noise [1]")
start_to_noise = _define("start_to_noise", "S_0", "first weights' variance over the noise's [1]", nonnegative=True)
noise_temperature = _define(
    "noise_temperature", r"T_\varepsilon", "temperature over noise variance [1]", nonnegative=True
)
mode_error = _define("mode_error", r"e_\lambda", "squared distance to the teacher in one mode, mean [noise variance]")
frozen_error = _define("frozen_error", "e_0", "the same in a mode without any example [noise variance]")
final_error = _define("final_error", r"E_\infty", "generalisation error at infinite time [noise variance]")
peak_error = _define("peak_error", r"E_1", "generalisation error at P = N, leading order [noise variance]")
ridge_error = _define("ridge_error", r"E_\gamma", "least generalisation error of ridge regression [noise variance]")

# Double descent over epochs and batch sizes: least squares, feature by feature and mode by mode
feature_variance = _define("feature_variance", "v", "variance of a feature: the rate at which it is learnt")
feature_signal = _define("feature_signal", r"s_\theta", "variance of a feature times its squared weight [loss]")
feature_noise = _define("feature_noise", r"\varsigma^2/n", "variance of the answers' noise over examples [loss]")
feature_risk = _define("feature_risk", "R_v", "excess risk of one feature [loss]")
epochs_done = _define("epochs_done", "k", "steps of gradient descent on all examples", nonnegative=True)
best_time = _define("best_time", r"t^*_v", "flow time at which the risk of a feature is least")
scaled_ridge = _define("scaled_ridge", r"\gamma", "ridge over the variance of the inputs times their number [1]")
recovered_share = _define("recovered_share", "r", "share of the truth that ridge regression recovers [1]")
mode_moment = _define("mode_moment", r"\overline{\delta^2}", "mean square of the distance in one mode")
mode_variance = _define("mode_variance", "c_h", "variance of the distance in one mode", nonnegative=True)
next_mode_moment = _define("next_mode_moment", r"\overline{\delta'^2}", "that mean square after a step")
next_mode_variance = _define("next_mode_variance", r"c'_h", "that variance after a step")
mode_loss_square = _define("mode_loss_square", "2f", "mean square residual on the examples, twice the loss [loss]")
double_excess_loss = _define("double_excess_loss", "2L", "twice the excess loss: curvature times mean square, summed")
answer_noise = _define("answer_noise", r"\varsigma^2", "variance of the answers' noise [loss]", nonnegative=True)
stability_sum = _define("stability_sum", r"\Sigma_s", "sum over modes of h/(2 - eta h (1 + 1/B))")
stationary_excess_loss = _define("stationary_excess_loss", "L", "excess loss that SGD ends at [loss]")

# Coopetition: weights described by their overlap with a teacher and their square norm
overlap = _real("overlap", "R", "inner product of a vector of weights with its teacher")
square_norm = _define("square_norm", "q", "squared norm of a vector of weights")
teacher_square_norm = _define("teacher_square_norm", "N", "squared norm of the teacher")
next_overlap = _real("next_overlap", "R'", "the overlap after a step")
next_square_norm = _real("next_square_norm", "q'", "the squared norm after a step")
teacher_pull = _real("teacher_pull", "f", "coefficient of the teacher in minus the gradient")
shrinkage = _real("shrinkage", "h", "coefficient of the weights themselves in the gradient")
tensor_loss = _define("tensor_loss", "L_1", "half the mean square of a product of three teachers less that of weights")
tensor_size = _define("tensor_size", "n_1", "entries of the tensor")
overlap_product = _real("overlap_product", r"\Pi_R", "product of the three overlaps")
square_norm_product = _define("square_norm_product", r"\Pi_q", "product of the three squared norms")
teacher_product = _define("teacher_product", r"\Pi_N", "product of the teachers' squared norms")

pathway_open = _define("pathway_open", "p_a", "weight of a layer of the pathway that keeps learning [1]")
pathway_deprived = _define("pathway_deprived", "p_b", "weight of a layer of the pathway held by the deficit [1]")
depth = _define("depth", "d", "layers of a pathway [1]")
target_strength = _define("target_strength", "S", "singular value that both pathways share [1]")
pathway_constant = _real("pathway_constant", r"C_d", "constant of motion of two competing pathways [1]")
pathway_share = _define("pathway_share", r"\kappa_b", "the deprived pathway's share of the target [1]")
logit = _define("logit", "s", "log odds of the right label [1]")
initial_logit = _define("initial_logit", "s_0", "the same at the start [1]")
fisher_trace = _define("fisher_trace", r"\mathrm{tr}\,F", "trace of the Fisher information of all weights [1]")
initial_share = _define("initial_share", r"\kappa_0", "the same when the deficit ends [1]", nonnegative=True)
network_gradient = _real("network_gradient", "g", "minibatch mean of residual times feature")
effective_scale_factor = _real("effective_scale_factor", "q_{uv}", "u v after a step over u v before it [1]")
effective_scale_shift = _real("effective_scale_shift", r"\Delta\ln uv", "shift of ln(u v) by noise [1]")
effective_scale = _define("effective_scale", r"\alpha_{\mathrm{eff}}", "square root of u v; it fixes the interpolator")
initial_scale = _define("initial_scale", r"\alpha", "u and v at the start")
decay_integral = _define("decay_integral", r"\Lambda_w", "integral of the weight decay over time [1]", nonnegative=True)
feature_second_moment = _define("feature_second_moment", r"H_{jj}", "mean square of a feature over the data")
loss_integral = _define("loss_integral", r"\int L", "integral of the loss over flow time")

# Noise that is no temperature
diffusion = _define("diffusion", "D(w)", "diffusion coefficient: dw = -L' dt + sqrt(2 D(w)) dW, Ito [loss]")
well_diffusion = _define("well_diffusion", r"D_\alpha", "diffusion coefficient at the minimum that is left [loss]")
other_well_diffusion = _define("other_well_diffusion", r"D_{\alpha'}", "that at the minimum of the other phase [loss]")
barrier_diffusion = _define("barrier_diffusion", r"D_\ddagger", "diffusion coefficient at the barrier [loss]")
climb = _define("climb", r"\Psi", "integral of L'/D along the way [1]", real=True)
barrier_climb = _define("barrier_climb", r"\Delta\Psi_\ddagger", "integral of L'/D from minimum to barrier [1]")
climb_difference = _real("climb_difference", r"\Delta\Psi", "integral of L'/D from one minimum to the other [1]")
stationary_weight = _define("stationary_weight", "p", "stationary density, up to a constant [1/loss]")
effective_potential = _define("effective_potential", r"V_{\rm eff}", "minus the logarithm of that [1]", real=True)
escape_factor = _define("escape_factor", r"r_\eta/r_0", "escape rate by steps of this size over that of small ones [1]")
escape_temperature = _define("escape_temperature", r"T_\ddagger", "temperature that escapes tell [loss]")
occupancy_temperature = _real("occupancy_temperature", r"T_{\rm occ}", "temperature that occupancies tell [loss]")
stability = _define("stability", r"\alpha_s", "index of stable noise, between 0 and 2; 2 is normal [1]")
noise_scale = _define("noise_scale", r"\varepsilon", "scale of stable noise in a unit of Langevin time [length]")
example_scale = _define("example_scale", "s_1", "scale of one example's stable gradient noise [loss/length]")
jump_coefficient = _define("jump_coefficient", r"c_{\alpha_s}", "of the density c |u|^(-1-stability) of jumps [1]")
well_width = _define("well_width", r"a_\ddagger", "distance from the minimum to the border of its phase [length]")
